/** Sends picked files to the server, piece by piece, from where it has them. */
import type { ModelId } from '../../protocol/ids.ts'
import type { CatalogClient } from './catalog-client.ts'

/** Small enough that a stop loses little and the server's limit on a request's time is far; large enough that round trips do not show. */
const PIECE_BYTES = 4 * 1024 * 1024

export type SentFile = { readonly name: string; readonly file: Blob }

/**
 * @param onBytes bytes that the server has in all, after each piece
 * @throws {ClusterError} as the server answers; cancelled once `signal` aborts, and what was sent stays there
 */
export async function uploadFiles(
  client: Pick<CatalogClient, 'upload' | 'sendPiece' | 'finishUpload'>,
  model: ModelId,
  files: readonly SentFile[],
  { signal, onBytes }: { readonly signal: AbortSignal; readonly onBytes: (bytes: number) => void },
): Promise<void> {
  const arrived = (await client.upload(model))?.files ?? []
  let sent = 0
  for (const { name, file } of files) {
    const known = arrived.find((candidate) => candidate.name === name && candidate.size === file.size)
    let at = known?.received ?? 0
    const isThere = known !== undefined && at === file.size
    while (!isThere && (at < file.size || file.size === 0)) {
      const bytes = file.slice(at, at + PIECE_BYTES)
      await client.sendPiece(model, name, { start: at, bytes, size: file.size }, signal)
      at += bytes.size
      onBytes(sent + at)
      if (file.size === 0) break
    }
    sent += file.size
    onBytes(sent)
  }
  await client.finishUpload(model)
}
