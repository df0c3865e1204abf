import { expect, test } from 'vitest'
import { pairReportOf } from './pair-report.ts'

const candidate = (id: string, type: 'local-candidate' | 'remote-candidate', candidateType: string, protocol = 'udp') => ({
  id,
  type,
  candidateType,
  protocol,
})
const CANDIDATES = [
  candidate('lan', 'local-candidate', 'host'),
  candidate('turn', 'local-candidate', 'relay', 'tcp'),
  candidate('there', 'remote-candidate', 'host'),
  candidate('router', 'remote-candidate', 'srflx'),
]
const pair = (id: string, localCandidateId: string, remoteCandidateId: string, extra: object = {}) => ({
  id,
  type: 'candidate-pair',
  state: 'succeeded',
  localCandidateId,
  remoteCandidateId,
  bytesSent: 10,
  bytesReceived: 20,
  ...extra,
})

test('tells of the pair that the transport names, and of the bytes of all', () => {
  const used = pair('two', 'lan', 'router', {
    currentRoundTripTime: 0.0125,
    availableOutgoingBitrate: 8_000_000,
    bytesSent: 7000,
    retransmissionsSent: 3,
  })
  const report = pairReportOf([
    ...CANDIDATES,
    pair('one', 'lan', 'there', { nominated: true }),
    used,
    { id: 't', type: 'transport', selectedCandidatePairId: 'two' },
  ])
  expect(report).toEqual({
    route: 'srflx',
    protocol: 'udp',
    rttMs: 12.5,
    // Those that an earlier pair carried, too.
    bytesSent: 7010,
    bytesReceived: 40,
    availableBytesPerSecond: 1_000_000,
    retransmissions: 3,
  })
  const counting = { id: 't', type: 'transport', selectedCandidatePairId: 'two', bytesSent: 9000, bytesReceived: 50 }
  expect(pairReportOf([...CANDIDATES, used, counting])).toMatchObject({ bytesSent: 9000, bytesReceived: 50 })
})

test('without a transport it is the pair that is selected, else the nominated one; what is not told is null', () => {
  expect(pairReportOf([...CANDIDATES, pair('one', 'lan', 'there', { selected: false }), pair('two', 'turn', 'there', { selected: true })])).toEqual({
    route: 'relay',
    protocol: 'tcp',
    rttMs: null,
    bytesSent: 20,
    bytesReceived: 40,
    availableBytesPerSecond: null,
    retransmissions: null,
  })
  const failed = pair('one', 'lan', 'router', { nominated: true, state: 'failed' })
  expect(pairReportOf([...CANDIDATES, failed, pair('two', 'lan', 'there', { nominated: true })])?.route).toBe('host')
})

test('says nothing while no pair is in use, or where its ends are unknown', () => {
  expect(pairReportOf([...CANDIDATES, pair('one', 'lan', 'there')])).toBeNull()
  expect(pairReportOf([pair('one', 'lan', 'there', { selected: true })])).toBeNull()
  expect(pairReportOf([null, 7, { type: 'candidate-pair' }])).toBeNull()
})
