/** Keys and invitations that are kept in memory. */
import { createAccess, type Access } from '../../api-gateway/access/access.ts'
import type { AccessFile, AccessState } from '../../api-gateway/access/access-file.ts'

export function memoryAccessFile(): AccessFile {
  let state: AccessState = { entries: [], joinToken: null }
  return { read: () => state, write: (change) => void (state = change(state)) }
}

export const memoryAccess = (apiKeys: readonly string[] = [], now?: () => Date): Access =>
  createAccess({ file: memoryAccessFile(), apiKeys, joinToken: null, ...(now ? { now } : {}) })
