import { expect, test } from 'vitest'
import { joinUrl } from './join-url.ts'

const at = (href: string) => new URL(href)
const LAN = { addresses: ['https://192.0.2.7:8080', 'https://ringlet.local:8080'], secure: true, trust: null }

test('on the machine of the server the link has the address that others reach; elsewhere the one that worked', () => {
  expect(joinUrl(at('https://localhost:8080/cluster'), LAN)).toBe('https://192.0.2.7:8080/contribute')
  expect(joinUrl(at('https://ringlet.local:8080/cluster'), LAN)).toBe('https://ringlet.local:8080/contribute')
  expect(joinUrl(at('http://127.0.0.1:8080/cluster'), null)).toBe('http://127.0.0.1:8080/contribute')
  expect(joinUrl(at('http://127.0.0.1:8080/cluster'), { ...LAN, addresses: [] })).toBe('http://127.0.0.1:8080/contribute')
})

test('a join token goes with it, a key never', () => {
  expect(joinUrl(at('https://a.example/?token=rj_x'), null)).toBe('https://a.example/contribute?token=rj_x')
  expect(joinUrl(at('https://a.example/?token=rk_x'), null)).toBe('https://a.example/contribute')
})
