/** Bodies of answers: a range into its place, as far as it comes; or a whole file, as large as a device may hold beside its weights. */
import type { ClusterError } from '../../protocol/errors.ts'
import { fileError, type HttpFile } from './http-file.ts'

/** A file of a server without ranges is held whole. Above this size it is refused. */
const MAX_WHOLE_BYTES = 256 * 1024 * 1024

/**
 * Fills `target` from `from` on and returns where it stopped: at the end, or where the connection broke or the body ended early.
 * @throws {ClusterError} source_unavailable when there is more than the range
 */
export async function readInto(
  target: Uint8Array,
  from: number,
  response: Response,
  file: HttpFile,
  onChunk: (count: number) => void,
): Promise<{ readonly filled: number; readonly cause: unknown }> {
  const reader = response.body?.getReader()
  let filled = from
  for (;;) {
    const next = await reader?.read().catch((cause: unknown) => ({ done: true, value: undefined, broken: cause }) as const)
    if (!next?.value) return { filled, cause: next && 'broken' in next ? next.broken : null }
    if (filled + next.value.length > target.length) {
      await reader?.cancel()
      throw fileError(file, `the answer is longer than the ${target.length - from} bytes asked for`)
    }
    target.set(next.value, filled)
    filled += next.value.length
    onChunk(next.value.length)
  }
}

/** A whole file; null when its end did not come. @throws {ClusterError} source_unavailable when it is too large to hold */
export async function readWhole(response: Response, file: HttpFile, onChunk: () => void): Promise<Uint8Array<ArrayBuffer> | null> {
  // Of a compressed body `fetch` gives more bytes than Content-Length says.
  const length = response.headers.get('content-encoding') === null ? response.headers.get('content-length') : null
  const reader = response.body?.getReader()
  const chunks: Uint8Array[] = []
  let count = 0
  const tooLarge = async (): Promise<ClusterError> => {
    await reader?.cancel()
    return fileError(file, `the host gives only whole files (it ignores Range), and this one is larger than ${MAX_WHOLE_BYTES / 2 ** 20} MiB`)
  }
  if (Number(length) > MAX_WHOLE_BYTES) throw await tooLarge()
  for (;;) {
    const next = await reader?.read().catch(() => null)
    if (next === null) return null
    if (!next?.value) break
    chunks.push(next.value)
    count += next.value.length
    if (count > MAX_WHOLE_BYTES) throw await tooLarge()
    onChunk()
  }
  if (length !== null && count !== Number(length)) return null
  const whole = new Uint8Array(count)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}
