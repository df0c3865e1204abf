/**
 * The ring plane: binary frames between peers. A fixed header of 40 bytes (little-endian), then the payload: raw numbers for
 * activations, UTF-8 JSON for the rest. Byte tables are in PROTOCOL.md.
 */
export { decodeFrame, decodeFrames } from './decode-frame.ts'
export { encodeFrame, isGossip } from './encode-frame.ts'
export { HEADER_BYTES } from './frame-layout.ts'
export type {
  ActivationFrame,
  TokenFrame,
  PrefixFrame,
  ResumeFrame,
  AskFrame,
  AskWant,
  CheckFrame,
  EvidenceFrame,
  VerdictFrame,
  GossipFrame,
  RingFrame,
} from './frames.ts'
export { GREEDY, type Sampling, type Job, type Pooling, type FinishReason, type TokenLogprobs } from './job.ts'
