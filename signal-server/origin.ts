/**
 * Whether a browser page of `origin` may connect to the server that it called `host`. CORS does not cover WebSocket, so this is
 * asked for every connection. Programs other than browsers send no origin and are allowed: they prove themselves by token.
 */
export type AllowOrigin = (origin: string | null, host: string | null) => boolean

/** Pages served by this same host and port only. */
export const sameOrigin: AllowOrigin = (origin, host) => {
  if (origin === null) return true
  return URL.canParse(origin) && host !== null && new URL(origin).host === host
}
