import { expect, test } from 'vitest'
import { parseLendQuery } from './lend-query.ts'

test('reads every part of a join link', () => {
  expect(parseLendQuery('?auto=1&name=Kitchen%20laptop&backend=wasm&threads=2&memory=512&weights=int8')).toEqual({
    auto: true,
    name: 'Kitchen laptop',
    backend: 'wasm',
    weightFormat: 'int8',
    threads: 2,
    memoryBytes: 512 * 1024 ** 2,
    problems: [],
  })
})

test('chooses by itself what a link leaves open', () => {
  expect(parseLendQuery('')).toEqual({ auto: false, name: null, backend: 'auto', weightFormat: 'auto', threads: 0, memoryBytes: null, problems: [] })
})

test('leaves out what makes no sense and says so, instead of failing', () => {
  const query = parseLendQuery('?backend=quantum&threads=-1&memory=lots&weights=int2&name=%3Cb%3E')
  expect(query).toMatchObject({ name: null, backend: 'auto', weightFormat: 'auto', threads: 0, memoryBytes: null })
  expect(query.problems).toHaveLength(5)
  expect(query.problems.join()).not.toContain('quantum')
})
