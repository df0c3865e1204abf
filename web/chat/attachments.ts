/** Files that come with a question: text is taken, everything else is refused in a sentence. */
import type { Attachment } from './chat-record.ts'

/** Largest file that is taken, in bytes: far more than any model here reads at once. */
const MAX_BYTES = 1024 * 1024
/** A paste becomes a file from so many characters or lines on. */
const LONG_PASTE = { characters: 4000, lines: 80 }

export type Taken = { readonly attachment: Attachment } | { readonly refusal: string }
type GivenFile = Pick<File, 'name' | 'type' | 'size' | 'arrayBuffer'>

/** What a file is called that came without a name. */
const nameOf = ({ name }: GivenFile): string => name.trim().slice(0, 255) || 'file.txt'

function kindRefusal(name: string, type: string): string | null {
  if (type.startsWith('image/'))
    return `${name} is an image. The models here read text only, so it was not attached; describe it in words, or paste the text in it.`
  if (type.startsWith('audio/') || type.startsWith('video/')) return `${name} is a recording. The models here read text only, so it was not attached.`
  return null
}

/** Reads one file. Never throws. */
export async function takeFile(file: GivenFile): Promise<Taken> {
  const name = nameOf(file)
  const refusal = kindRefusal(name, file.type)
  if (refusal !== null) return { refusal }
  if (file.size > MAX_BYTES) return { refusal: `${name} is larger than 1 MB, more than a model can read at once. Attach the part that matters.` }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer())
    if (!text.includes('\u0000')) return { attachment: { name, text } }
  } catch {
    // Not UTF-8, or it cannot be read.
  }
  return { refusal: `${name} is not a text file, so it was not attached. Save it as plain text first.` }
}

export const isLongPaste = (text: string): boolean => text.length > LONG_PASTE.characters || text.split('\n').length > LONG_PASTE.lines

/** A long paste as a file, named so that no other one is called the same. */
export function pastedFile(text: string, others: readonly Attachment[]): Attachment {
  const names = new Set(others.map(({ name }) => name))
  let name = 'Pasted text.txt'
  for (let count = 2; names.has(name); count++) name = `Pasted text ${count}.txt`
  return { name, text }
}
