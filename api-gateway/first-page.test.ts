import { expect, test } from 'vitest'
import { hasScreen } from './first-page.ts'

test('opens a browser only where somebody sees it', () => {
  const at = { env: {}, platform: 'darwin', isTerminal: true } as const
  expect(hasScreen(at)).toBe(true)
  expect(hasScreen({ ...at, platform: 'win32' })).toBe(true)
  expect(hasScreen({ ...at, isTerminal: false })).toBe(false)
  expect(hasScreen({ ...at, env: { CI: 'true' } })).toBe(false)
  expect(hasScreen({ ...at, env: { SSH_CONNECTION: '192.0.2.1 1 192.0.2.2 22' } })).toBe(false)
  expect(hasScreen({ ...at, platform: 'linux' })).toBe(false)
  expect(hasScreen({ ...at, platform: 'linux', env: { DISPLAY: ':0' } })).toBe(true)
  expect(hasScreen({ ...at, platform: 'linux', env: { WAYLAND_DISPLAY: 'wayland-0' } })).toBe(true)
})
