/** What new chats begin with, as their owner wants it. */
import { DEFAULT_SETTINGS, settingsSchema, type ChatSettings } from './chat-record.ts'

const KEY = 'ringlet.chat-settings'

/** Kept settings; those that cannot be read are the models' own. */
export function keptSettings(store: Pick<Storage, 'getItem'>): ChatSettings {
  try {
    return settingsSchema.safeParse(JSON.parse(store.getItem(KEY) ?? 'null')).data ?? DEFAULT_SETTINGS
  } catch {
    // Storage is forbidden here, or holds something else.
    return DEFAULT_SETTINGS
  }
}

export function keepSettings(store: Pick<Storage, 'setItem'>, settings: ChatSettings): void {
  try {
    store.setItem(KEY, JSON.stringify(settings))
  } catch {
    // They last as long as the chat that has them.
  }
}
