import { expect, test } from 'vitest'
import { EMBER, SCENARIOS, SELF, type ScenarioName } from '../../../tests/fixtures/ui/scenarios.ts'
import { TOPOLOGY_WIDTH, layoutTopology, shortName } from './topology-layout.ts'

const layout = (name: ScenarioName) => {
  const { view } = SCENARIOS[name]
  return layoutTopology(view, view.placements.get(EMBER) ?? null, SELF)
}

test('puts devices clockwise from the top, in shard order, on one circle', () => {
  const { nodes, centerX, centerY, ringRadius } = layout('ready')
  expect(nodes.map((node) => [node.name, node.startLayer, node.endLayer])).toEqual([
    ['Kitchen laptop', 0, 4],
    ['Studio Mac', 4, 6],
    ['Pixel 8', 6, 8],
  ])
  for (const node of nodes) expect(Math.hypot(node.x - centerX, node.y - centerY)).toBeCloseTo(ringRadius, 0)
  expect(nodes[0]?.y).toBeLessThan(centerY)
  expect(nodes[1]?.x).toBeGreaterThan(centerX)
})

test('closes the ring: a hop from each device to the next and from the last to the first, with path and time', () => {
  const { hops } = layout('relayed')
  expect(hops.map((hop) => `${hop.from}→${hop.to} ${hop.path}`)).toEqual(['laptop→studio webrtc', 'studio→phone relay', 'phone→laptop webrtc'])
  expect(hops[1]?.rttMs).toBeCloseTo(48.2)
})

test('a single device has no hops', () => {
  expect(layout('single')).toMatchObject({ hops: [], nodes: [{ caption: 'layers' }] })
})

test('neighbours never touch and nothing leaves the drawing, from one device to twelve', () => {
  for (const name of ['single', 'pair', 'ready', 'four', 'six', 'many'] as const) {
    const { nodes, height } = layout(name)
    nodes.forEach((node, index) => {
      expect(node.x - node.radius).toBeGreaterThan(0)
      expect(node.x + node.radius).toBeLessThan(TOPOLOGY_WIDTH)
      expect(node.y + node.radius).toBeLessThan(height)
      const next = nodes[(index + 1) % nodes.length]
      if (next && next !== node) expect(Math.hypot(node.x - next.x, node.y - next.y)).toBeGreaterThan(2 * node.radius + 8)
    })
  }
})

test('shows spare devices before those who only ask, below the ring', () => {
  const { outsiders, nodes } = layout('ready')
  expect(outsiders.map((peer) => [peer.name, peer.kind, peer.isSelf])).toEqual([
    ['Old tablet', 'spare', false],
    ['API gateway', 'gateway', false],
    ['Chrome on Linux', 'client', true],
  ])
  expect(Math.min(...outsiders.map((peer) => peer.y))).toBeGreaterThan(Math.max(...nodes.map((node) => node.y + node.radius)))
})

test('the arc shows loaded bytes while loading and held memory after', () => {
  const { nodes } = layout('loading')
  expect(nodes[2]).toMatchObject({ state: 'loading', caption: '39 %', gauge: 0.39 })
  expect(nodes[0]?.gauge).toBeCloseTo(36 / 64)
})

test('without a placement only the peers around remain', () => {
  expect(layout('empty')).toMatchObject({ nodes: [], hops: [] })
})

test('cuts long names without cutting a character in two', () => {
  expect(shortName('Kitchen laptop', 14)).toBe('Kitchen laptop')
  expect(shortName('🦊🦊🦊🦊', 3)).toBe('🦊🦊…')
})
