/** Errors in plain words: what happened, and what a person can do about it. */
import type { ErrorCode, WireError } from '../../../protocol/errors.ts'
import { formatBytes } from './quantities.ts'

export type ErrorPhrase = {
  readonly title: string
  /** What to do next. */
  readonly advice: string
  /** More devices would help: a link to /contribute belongs beside the sentence. */
  readonly wantsDevices: boolean
}

type Words = { readonly title: string; readonly advice: string; readonly wantsDevices?: true }

/** Only codes for which a page knows more than the message itself, which every error carries for people. */
const WORDS: Partial<Record<ErrorCode, Words>> = {
  no_ring: { title: 'No devices hold the model yet.', advice: 'Open the Lend page on this or another device, then ask again.', wantsDevices: true },
  not_enough_memory: {
    title: 'The devices here do not have enough memory for this model.',
    advice: 'Lend one more device, or lend more memory.',
    wantsDevices: true,
  },
  ring_reforming: { title: 'The ring is forming again.', advice: 'This takes a few seconds. Your question is kept.' },
  ring_broken: { title: 'A device left while it was answering.', advice: 'The ring forms again by itself. Then ask again.' },
  link_closed: { title: 'The connection to a device was lost.', advice: 'The ring forms again by itself. Then ask again.' },
  deadline_exceeded: { title: 'A device stopped answering.', advice: 'The ring forms again by itself. Then ask again.' },
  queue_full: { title: 'Many people are asking right now.', advice: 'Try again in a moment.' },
  context_length_exceeded: { title: 'This conversation is longer than the model can read.', advice: 'Start a new chat, or shorten the question.' },
  model_not_found: { title: 'This model is not here.', advice: 'The Models page lists what is.' },
  invalid_join_token: { title: 'This cluster wants an invitation.', advice: 'Open the whole join link that you were given, with its token.' },
  invalid_api_key: { title: 'This cluster asks for a key.', advice: 'Ask whoever runs it.' },
  protocol_version_mismatch: { title: 'This page is older or newer than the cluster.', advice: 'Reload the page.' },
  device_removed: { title: 'Whoever runs this cluster has removed this device.', advice: 'Ask them for a new invitation, should it be a mistake.' },
  peer_id_taken: { title: 'Another tab already speaks for this device.', advice: 'Close the other tab, then reload this one.' },
  source_unavailable: { title: 'The weights could not be downloaded.', advice: 'Check the network. What is already here is kept.' },
  bad_checkpoint: {
    title: 'The weights that arrived are not what was announced.',
    advice: 'Whoever runs the cluster should look at the model’s files.',
  },
  unsupported_backend: { title: 'This device cannot compute that way.', advice: 'Choose another backend, or let Ringlet choose.' },
}

/** What to show for an error. `detail.missingBytes` becomes a sentence of its own. */
export function phraseError(error: WireError): ErrorPhrase {
  const words = WORDS[error.code]
  const missing = error.detail?.missingBytes
  const short = missing === undefined ? '' : `${formatBytes(missing)} are missing. `
  if (!words) return { title: error.message, advice: short.trim(), wantsDevices: false }
  return { title: words.title, advice: short + words.advice, wantsDevices: words.wantsDevices ?? false }
}

/** A message as a sentence. What it begins with may be a name, which stays as it is. */
export function sentenceOf(message: string): string {
  const begun = /^[a-z]+[ ,;:]/.test(message) ? message.charAt(0).toUpperCase() + message.slice(1) : message
  return /[.!?]$/.test(begun) ? begun : `${begun}.`
}

/** What the error itself says. */
export const exactPhrase = ({ message, code }: WireError): ErrorPhrase => ({
  title: sentenceOf(message),
  advice: '',
  wantsDevices: WORDS[code]?.wantsDevices ?? false,
})
