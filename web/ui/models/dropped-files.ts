/** The files of a drop: those dropped themselves, and those one level inside of dropped folders, which is where a model's files lie. */

const filesOf = (entry: FileSystemEntry): Promise<readonly File[]> =>
  new Promise((resolve) => {
    // What cannot be read is as good as not dropped: the check of the model says what is missing.
    if (entry.isFile && 'file' in entry)
      (entry as FileSystemFileEntry).file(
        (file) => resolve([file]),
        () => resolve([]),
      )
    else resolve([])
  })

/** A folder tells its entries some at a time, until it tells none. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<readonly FileSystemEntry[]> {
  const reader = folder.createReader()
  const entries: FileSystemEntry[] = []
  for (;;) {
    const next = await new Promise<readonly FileSystemEntry[]>((resolve) => reader.readEntries(resolve, () => resolve([])))
    if (next.length === 0) return entries
    entries.push(...next)
  }
}

const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory

export async function droppedFiles(transfer: DataTransfer): Promise<readonly File[]> {
  // Entries must be taken before anything is awaited: the transfer is empty afterwards.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? [])
  const inner = await Promise.all(entries.map(async (entry) => (isFolder(entry) ? entriesOf(entry) : [entry])))
  return (await Promise.all(inner.flat().map(filesOf))).flat()
}
