/** The engine's log: one line an event, to the browser's console; details where it shows verbose lines. */
export function log(message: string, fields: Record<string, unknown>, level?: 'detail'): void {
  console[level === 'detail' ? 'debug' : 'info'](`[ringlet] ${message}`, fields)
}
