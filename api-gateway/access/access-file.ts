/** The file of keys and invitations. The server and the command `npm run keys` both write it: each reads it anew when it has changed. */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'
import { entrySchema, type AccessEntry } from './access-entry.ts'

const digestSchema = z.string().regex(/^[0-9a-f]{64}$/)

const fileSchema = z.strictObject({
  version: z.literal(1),
  entries: z.array(entrySchema),
  /** What devices show where nothing else was said: the link of this server has it. */
  joinToken: z.string().nullable(),
  /** Digests of devices that were let in, where this server asks first. */
  approved: z.array(digestSchema).optional(),
  /** Devices that may not come back. `others`: those that came with the same token before, and may go on with it. */
  removed: z.array(z.strictObject({ identity: digestSchema, token: digestSchema.nullable(), others: z.array(digestSchema) })).optional(),
})
export type AccessState = Omit<z.infer<typeof fileSchema>, 'version'>

export type AccessFile = {
  /** @throws {ClusterError} internal, when the file cannot be read: nobody is let in by a broken file */
  readonly read: () => AccessState
  readonly write: (change: (state: AccessState) => AccessState) => void
}

/** In the server's own folder. */
export const ACCESS_FILE = 'access.json'
const EMPTY: AccessState = { entries: [], joinToken: null }
const NOTHING = 'none'

/** Changes with every write, also within one tick of the file system's clock: each write is another file. */
function stampOf(file: string): string {
  const { mtimeMs, ino, size } = statSync(file, { throwIfNoEntry: false }) ?? {}
  return ino === undefined ? NOTHING : `${ino} ${mtimeMs} ${size}`
}

/** @param file for example `access.json` in this server's folder; made with the first entry, readable by its owner only */
export function openAccessFile(file: string): AccessFile {
  let known: { readonly stamp: string; readonly state: AccessState } = { stamp: NOTHING, state: EMPTY }

  function read(): AccessState {
    const stamp = stampOf(file)
    if (stamp === known.stamp) return known.state
    known = { stamp, state: stamp === NOTHING ? EMPTY : parse() }
    return known.state
  }

  function parse(): AccessState {
    try {
      const { version: _, ...state } = fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
      return state
    } catch (cause) {
      throw new ClusterError('internal', `the file of keys ${file} cannot be read; mend or remove it`, { cause })
    }
  }

  return {
    read,
    write: (change) => {
      const next = change(read())
      mkdirSync(path.dirname(file), { recursive: true })
      // Whole or not at all: whoever reads meanwhile sees the file before.
      const draft = `${file}.${randomBytes(4).toString('hex')}`
      writeFileSync(draft, `${JSON.stringify({ version: 1, ...next }, null, 2)}\n`, { mode: 0o600 })
      renameSync(draft, file)
    },
  }
}

/** The entry of a secret, whatever its state. */
export const entryWith = (entries: readonly AccessEntry[], digest: string): AccessEntry | null =>
  entries.find((entry) => entry.digest === digest) ?? null
