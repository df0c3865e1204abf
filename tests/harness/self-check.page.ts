/** What the harness promises its users, seen from inside the page. */
export async function describePage(): Promise<{ isolated: boolean; adapter: string | null; f16: boolean; jspi: boolean }> {
  const adapter = await navigator.gpu?.requestAdapter()
  return {
    isolated: crossOriginIsolated,
    adapter: adapter ? `${adapter.info.vendor} ${adapter.info.architecture}` : null,
    f16: adapter?.features.has('shader-f16') ?? false,
    jspi: 'Suspending' in WebAssembly,
  }
}
