/** Every shortcut of the chat, in one table: what it does, and which keys do it. The help dialog is drawn from it. */
export const SHORTCUTS = [
  { action: 'new-chat', label: 'New chat', mod: true, shift: true, key: 'o', code: 'KeyO' },
  { action: 'search', label: 'Search chats', mod: true, shift: false, key: 'k', code: 'KeyK' },
  { action: 'sidebar', label: 'Show or hide the chats', mod: true, shift: true, key: 's', code: 'KeyS' },
  { action: 'model', label: 'Choose a model', mod: true, shift: true, key: 'm', code: 'KeyM' },
  { action: 'copy-last', label: 'Copy the last answer', mod: true, shift: true, key: 'c', code: 'KeyC' },
  { action: 'copy-code', label: 'Copy the last block of code', mod: true, shift: true, key: ';', code: 'Semicolon' },
  { action: 'focus-input', label: 'Go to the input', mod: false, shift: true, key: 'Escape', code: 'Escape' },
  { action: 'stop', label: 'Stop the answer', mod: false, shift: false, key: 'Escape', code: 'Escape' },
  { action: 'help', label: 'Show this list', mod: true, shift: false, key: '/', code: 'Slash' },
] as const
export type ShortcutAction = (typeof SHORTCUTS)[number]['action']

/** What only works in a field; listed, and handled where the field is. */
export const FIELD_KEYS = [
  { label: 'Send', keys: ['Enter'] },
  { label: 'New line', keys: ['Shift', 'Enter'] },
  { label: 'Edit the last question, from an empty input', keys: ['↑'] },
  { label: 'Save an edit', keys: ['Mod', 'Enter'] },
] as const

type Pressed = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey'>

/** The action of a key press. The modifier is Cmd on a Mac and Ctrl elsewhere. A key is known by its letter, or by its place where Shift changes the letter. */
export function shortcutOf(event: Pressed, isMac: boolean): ShortcutAction | null {
  const mod = isMac ? event.metaKey : event.ctrlKey
  const other = isMac ? event.ctrlKey : event.metaKey
  if (event.altKey || other) return null
  const found = SHORTCUTS.find(
    (one) => one.mod === mod && one.shift === event.shiftKey && (event.key.toLowerCase() === one.key.toLowerCase() || event.code === one.code),
  )
  return found?.action ?? null
}

/** Keys as they are printed: `⌘ Shift O` on a Mac, `Ctrl Shift O` elsewhere. */
export function keysOf(
  { mod, shift, key }: { readonly mod: boolean; readonly shift: boolean; readonly key: string },
  isMac: boolean,
): readonly string[] {
  return [...(mod ? [isMac ? '⌘' : 'Ctrl'] : []), ...(shift ? ['Shift'] : []), key === 'Escape' ? 'Esc' : key.toUpperCase()]
}

export const isMacLike = (userAgent: string): boolean => /Mac|iPhone|iPad/.test(userAgent)
