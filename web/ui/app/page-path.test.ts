import { expect, test } from 'vitest'
import { pageAt } from './page-path.ts'

test('finds the page of a path, with or without slash and suffix', () => {
  expect(['/', '/contribute', '/cluster/', '/models.html', ''].map(pageAt)).toEqual(['chat', 'contribute', 'cluster', 'models', 'chat'])
})

test('shows the chat for a path it does not know', () => {
  expect(pageAt('/no/such/page')).toBe('chat')
})
