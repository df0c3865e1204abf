/** Of workers only, so the DOM's own types leave it out. https://fs.spec.whatwg.org/#api-filesystemsyncaccesshandle */
interface FileSystemSyncAccessHandle {
  read(into: Uint8Array, options?: { at?: number }): number
  getSize(): number
  write(bytes: Uint8Array, options?: { at?: number }): number
  truncate(size: number): void
  flush(): void
  close(): void
}
interface FileSystemFileHandle {
  createSyncAccessHandle(options?: { mode?: 'readwrite' | 'read-only' }): Promise<FileSystemSyncAccessHandle>
}
