/** The engine's log: one line an event, to the browser's console. */
export function log(message: string, fields: Record<string, unknown>): void {
  console.info(`[ringlet] ${message}`, fields)
}
