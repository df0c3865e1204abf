import { expect, test } from 'vitest'
import { keysOf, SHORTCUTS, shortcutOf } from './shortcuts.ts'

const press = (key: string, code: string, ...held: readonly ('ctrl' | 'meta' | 'shift' | 'alt')[]) => ({
  key,
  code,
  ctrlKey: held.includes('ctrl'),
  metaKey: held.includes('meta'),
  shiftKey: held.includes('shift'),
  altKey: held.includes('alt'),
})

test('no two shortcuts have the same keys', () => {
  const keys = SHORTCUTS.map((one) => keysOf(one, false).join('+'))
  expect(new Set(keys).size).toBe(keys.length)
})

test('each shortcut is found by its keys, with Cmd on a Mac and Ctrl elsewhere', () => {
  for (const { action, mod, shift, key, code } of SHORTCUTS) {
    const held = shift ? (['shift'] as const) : []
    expect(shortcutOf(press(key, code, ...held, ...(mod ? (['ctrl'] as const) : [])), false)).toBe(action)
    expect(shortcutOf(press(key, code, ...held, ...(mod ? (['meta'] as const) : [])), true)).toBe(action)
    if (mod) expect(shortcutOf(press(key, code, ...held, 'ctrl'), true)).toBeNull()
  }
})

test('Shift may change the letter: the place of the key counts too; on other layouts the letter does', () => {
  expect(shortcutOf(press(':', 'Semicolon', 'ctrl', 'shift'), false)).toBe('copy-code')
  expect(shortcutOf(press('O', 'KeyO', 'ctrl', 'shift'), false)).toBe('new-chat')
  expect(shortcutOf(press('/', 'Digit7', 'ctrl'), false)).toBe('help')
  expect(shortcutOf(press('k', 'KeyK', 'ctrl', 'alt'), false)).toBeNull()
  expect(shortcutOf(press('k', 'KeyK'), false)).toBeNull()
})
