/** What a page can ask of the models kept in its browser. Elements get an object of this type. */

export type StorageState = {
  readonly kind: 'opfs' | 'cache' | 'memory'
  /** Why it is this kind: a sentence for people. */
  readonly reason: string
  /** What went wrong since (no room left): a sentence for people, or null. */
  readonly problem: string | null
}

export type StoredFile = {
  readonly file: string
  /** Of the file, as many as are here. */
  readonly bytes: number
  /** Of the whole file at its source; null when the source did not tell. */
  readonly sizeBytes: number | null
}

export type StoredModel = {
  readonly id: string
  /** As its source names it, for example `org/name of huggingface.co`. From a stranger's address: show it as text. */
  readonly name: string
  readonly address: string
  /** On this disk. */
  readonly bytes: number
  readonly files: readonly StoredFile[]
  /** When the newest of its files came, in milliseconds since 1970. */
  readonly keptAt: number
}

/** Of all that this site keeps, models and the rest. `isPersisted`: the browser will not evict it by itself. */
export type StorageQuota = { readonly usedBytes: number; readonly quotaBytes: number; readonly isPersisted: boolean }

export type ModelStore = {
  /** Null until the engine has found out. */
  readonly state: () => StorageState | null
  /** Largest first. Fails only with the engine. */
  readonly list: () => Promise<readonly StoredModel[]>
  /** What a device holds now goes on; it is fetched again when it loads next. */
  readonly remove: (id: string) => Promise<void>
  readonly removeAll: () => Promise<void>
  /** Null where the browser does not tell. */
  readonly quota: () => Promise<StorageQuota | null>
  /** Asks the browser to keep the models until they are removed here; what it answered. */
  readonly persist: () => Promise<boolean>
  /** Called after something was kept or removed, by any tab of this browser, at most once a second. Returns the way to unsubscribe. */
  readonly onChange: (listener: () => void) => () => void
}
