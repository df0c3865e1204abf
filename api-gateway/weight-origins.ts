/**
 * What pages may connect to for weights, as sources of a Content-Security-Policy. Where the public hub redirects to is known. Any other host
 * may redirect to whatever storage it has, and a policy is sent before anybody knows: its scheme is what can be named.
 * @param addresses of hubs and of models
 */
export function weightOrigins(addresses: readonly string[]): readonly string[] {
  const origins = addresses.flatMap((address) => {
    const { origin, hostname, protocol } = new URL(address)
    if (hostname === 'huggingface.co') return [origin, 'https://*.huggingface.co', 'https://*.hf.co']
    return protocol === 'http:' ? ['http:', 'https:'] : ['https:']
  })
  return [...new Set(origins)]
}
