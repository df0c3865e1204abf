/** The link suite over WebRTC in real Chromium, and the paths that a page's host chooses. */
import { expect, test, type Page } from '@playwright/test'
import type { LinkReport } from '../../protocol/cluster.ts'
import { peerId } from '../../protocol/ids.ts'
import { createNodePeerHost } from '../../api-gateway/transport/node-peer-host.ts'
import type { EngineToHost, HostToEngine } from '../../runtime/ports/peer-port.ts'
import { openHarness, type Harness } from '../harness/browser.ts'
import { contentOf, receiptOf, type LinkEnd } from './link-end.ts'
import { linkCases, type LinkPairUnderTest } from './link-suite.ts'
import { helloOf, startSignalServer, type SignalFixture } from './signal-fixture.ts'

const MODULE = 'tests/conformance/link.page.ts'
const [A, B, GATEWAY] = [peerId('page-a'), peerId('page-b'), peerId('gateway')]
/** Chromium renamed the switch; each version ignores the other name. */
const WITHOUT_UDP = ['--webrtc-ip-handling-policy=disable_non_proxied_udp', '--force-webrtc-ip-handling-policy=disable_non_proxied_udp']
const recipe = { seed: 3, bytes: 300_000 }

type Stage = {
  readonly harness: Harness
  readonly signal: SignalFixture
  readonly call: <T>(page: Page, name: string, argument?: unknown) => Promise<T>
  readonly openPages: () => Promise<[Page, Page]>
}

async function openStage(flags: readonly string[] = []): Promise<Stage> {
  const signal = await startSignalServer({ allowOrigin: () => true })
  const harness = await openHarness({ flags, onConsole: (line) => line.startsWith('uncaught') && process.stderr.write(`${line}\n`) })
  return {
    harness,
    signal,
    call: (page, name, argument) => harness.call(MODULE, name, argument, page),
    openPages: () => Promise.all([harness.openPage(), harness.openPage()]),
  }
}
const closeStage = async (stage: Stage): Promise<void> => {
  await stage.harness.close()
  await stage.signal.close()
}

function remoteEnd(stage: Stage, page: Page): LinkEnd {
  const call = <T>(method: string, ...args: readonly unknown[]): Promise<T> => stage.call<T>(page, 'callEnd', { method, args })
  return {
    path: () => call('path'),
    send: (recipes, deadlineMs) => call('send', recipes, deadlineMs),
    sendUntilRefused: (each, deadlineMs, most) => call('sendUntilRefused', each, deadlineMs, most),
    listen: () => call('listen'),
    received: (count) => call('received', count),
    closed: () => call('closed'),
    closeWhileSending: (each) => call('closeWhileSending', each),
    stats: () => call('stats'),
    close: () => call('close'),
  }
}

async function openPair(stage: Stage): Promise<LinkPairUnderTest> {
  const [pageA, pageB] = await stage.openPages()
  await Promise.all([
    stage.call(pageA, 'join', { url: stage.signal.url, hello: helloOf(A) }),
    stage.call(pageB, 'join', { url: stage.signal.url, hello: helloOf(B) }),
  ])
  await Promise.all([stage.call(pageA, 'connect', { peer: B, initiator: true }), stage.call(pageB, 'connect', { peer: A, initiator: false })])
  return {
    a: remoteEnd(stage, pageA),
    b: remoteEnd(stage, pageB),
    killB: () => pageB.context().close(),
    close: () => Promise.all([pageA.context().close(), pageB.context().close()]).then(() => undefined),
  }
}

test.describe('link by WebRTC between two pages', () => {
  let stage: Stage
  test.beforeAll(async () => void (stage = await openStage()))
  test.afterAll(() => closeStage(stage))
  for (const { name, run } of linkCases) {
    test(name, async () => {
      const pair = await openPair(stage)
      try {
        expect(await pair.a.path()).toBe('webrtc')
        await run(pair)
      } finally {
        await pair.close()
      }
    })
  }
})

async function startHosts(stage: Stage): Promise<[Page, Page]> {
  const [pageA, pageB] = await stage.openPages()
  await stage.call(pageA, 'startHost', { url: stage.signal.url, hello: helloOf(A) })
  await stage.call(pageB, 'startHost', { url: stage.signal.url, hello: helloOf(B) })
  await Promise.all([stage.call(pageA, 'sees', B), stage.call(pageB, 'sees', A)])
  return [pageA, pageB]
}

test.describe('page hosts', () => {
  let stage: Stage
  test.beforeAll(async () => void (stage = await openStage()))
  test.afterAll(() => closeStage(stage))

  test('reach each other by WebRTC when both dial at once, with one link', async () => {
    const [pageA, pageB] = await startHosts(stage)
    const sent = await Promise.all([stage.call(pageA, 'sendFrame', { to: B, recipe }), stage.call(pageB, 'sendFrame', { to: A, recipe })])
    expect(sent).toEqual([expect.objectContaining({ error: null }), expect.objectContaining({ error: null })])
    const receipt = receiptOf(contentOf(recipe))
    expect(await stage.call(pageB, 'receiveFrame')).toEqual({ from: A, receipt })
    expect(await stage.call(pageA, 'receiveFrame')).toEqual({ from: B, receipt })
    expect(await stage.call(pageA, 'links')).toEqual([expect.objectContaining({ peerId: B, path: 'webrtc' })])
    expect(await stage.call(pageB, 'links')).toEqual([expect.objectContaining({ peerId: A, path: 'webrtc' })])
    await Promise.all([pageA.context().close(), pageB.context().close()])
  })

  test('report what the browser says of the path, and how fast a large message arrived, at the end where it did', async () => {
    const [pageA, pageB] = await startHosts(stage)
    await stage.call(pageA, 'sendFrame', { to: B, recipe })
    await stage.call(pageB, 'receiveFrame')
    const linkOf = async (page: Page): Promise<LinkReport | undefined> => (await stage.call<readonly LinkReport[]>(page, 'links'))[0]
    // What was asked before the message had come says nothing of it; the next answer does.
    await expect.poll(async () => (await linkOf(pageA))?.pair?.bytesSent ?? 0, { timeout: 15_000 }).toBeGreaterThan(recipe.bytes)
    await expect.poll(async () => (await linkOf(pageB))?.pair?.bytesReceived ?? 0, { timeout: 15_000 }).toBeGreaterThan(recipe.bytes)
    const [a, b] = [await linkOf(pageA), await linkOf(pageB)]
    // Pages of one machine reach each other by their own addresses; Chromium hides those, so an end may know the other from its packets only.
    expect(['host', 'prflx']).toContain(a?.pair?.route)
    expect(a?.pair?.protocol).toBe('udp')
    expect(a?.pair?.bytesSent).toBeGreaterThan(recipe.bytes)
    expect(b?.pair?.bytesReceived).toBeGreaterThan(recipe.bytes)
    expect(a?.pair?.rttMs).toBeGreaterThanOrEqual(0)
    expect(b?.arrivalBytesPerSecond).toBeGreaterThan(0)
    expect(a?.arrivalBytesPerSecond).toBeUndefined()
    await Promise.all([pageA.context().close(), pageB.context().close()])
  })

  test('learn at once that a closed page is gone', async () => {
    const [pageA, pageB] = await startHosts(stage)
    await stage.call(pageA, 'sendFrame', { to: B, recipe })
    expect(await stage.call(pageA, 'nextPath')).toMatchObject({ peerId: B, path: 'webrtc' })
    const startedAt = performance.now()
    await pageB.context().close()
    expect(await stage.call(pageA, 'nextPath')).toMatchObject({ peerId: B, path: null })
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    await pageA.context().close()
  })

  test('reach a gateway by relay without waiting for a direct path', async () => {
    const { promise: welcomed, resolve: onWelcome } = deferred<void>()
    const { promise: framed, resolve: onFrame } = deferred<HostToEngine>()
    let toHost: (message: EngineToHost) => void = () => undefined
    const gateway = createNodePeerHost({
      url: stage.signal.url,
      hello: helloOf(GATEWAY, { role: 'gateway' }),
      port: {
        post: (message) => {
          if (message.type === 'welcome') onWelcome()
          if (message.type === 'frame') onFrame(message)
        },
        onMessage: (listener) => void (toHost = listener),
      },
      onConnection: () => undefined,
    })
    await welcomed
    const [pageA, pageB] = await startHosts(stage)
    const sent = await stage.call<{ error: unknown; elapsedMs: number }>(pageA, 'sendFrame', { to: GATEWAY, recipe })
    expect(sent.error).toBeNull()
    expect(sent.elapsedMs).toBeLessThan(2_000)
    expect(await framed).toMatchObject({ from: A })
    toHost({ type: 'send', ticket: 1, to: A, bytes: contentOf(recipe) })
    expect(await stage.call(pageA, 'receiveFrame')).toEqual({ from: GATEWAY, receipt: receiptOf(contentOf(recipe)) })
    expect(await stage.call(pageA, 'links')).toEqual([expect.objectContaining({ peerId: GATEWAY, path: 'relay' })])
    gateway.leave()
    await Promise.all([pageA.context().close(), pageB.context().close()])
  })
})

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((onResolve) => (resolve = onResolve))
  return { promise, resolve }
}

test('3: without UDP, page hosts fall back to the relay after about 5 s and stay there', async () => {
  const stage = await openStage(WITHOUT_UDP)
  try {
    const [pageA, pageB] = await startHosts(stage)
    const first = await stage.call<{ error: unknown; elapsedMs: number }>(pageA, 'sendFrame', { to: B, recipe })
    expect(first.error).toBeNull()
    expect(first.elapsedMs).toBeGreaterThan(4_500)
    expect(first.elapsedMs).toBeLessThan(8_000)
    expect(await stage.call(pageB, 'receiveFrame')).toEqual({ from: A, receipt: receiptOf(contentOf(recipe)) })
    expect(await stage.call(pageA, 'links')).toEqual([expect.objectContaining({ peerId: B, path: 'relay' })])
    const second = await stage.call<{ error: unknown; elapsedMs: number }>(pageB, 'sendFrame', { to: A, recipe })
    expect(second.error).toBeNull()
    expect(second.elapsedMs).toBeLessThan(1_000)
    expect(await stage.call(pageA, 'receiveFrame')).toEqual({ from: B, receipt: receiptOf(contentOf(recipe)) })
  } finally {
    await closeStage(stage)
  }
})
