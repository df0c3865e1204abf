/** Offers, answers and candidates that their senders have signed: a signal server, or a peer behind it, cannot put itself between two others. */
import { isKeyId, negotiationText } from '../../protocol/identity.ts'
import type { PeerId } from '../../protocol/ids.ts'
import type { Negotiation } from '../../protocol/signaling.ts'

export type Vouching = {
  /** Of this peer's key, in base64. */
  readonly sign: (text: string) => Promise<string>
  /** Whether `key` is the one that `id` is named by, and signed the text. */
  readonly isOf: (id: PeerId, key: string, text: string, signature: string) => Promise<boolean>
}

export type VouchedNegotiationOptions = {
  readonly self: PeerId
  /** Null: this peer has no key and checks none. */
  readonly vouching: Vouching | null
  /** What the roster says of a peer's key. */
  readonly keyOf: (peer: PeerId) => string | undefined
  readonly send: (negotiation: Negotiation) => void
  readonly receive: (negotiation: Negotiation) => void
  /** Something that its sender has not signed. */
  readonly onForged: (from: PeerId) => void
}

export type VouchedNegotiation = {
  readonly send: (negotiation: Negotiation) => void
  readonly receive: (negotiation: Negotiation) => void
}

export function createVouchedNegotiation(options: VouchedNegotiationOptions): VouchedNegotiation {
  const { self, vouching, keyOf, onForged } = options
  // Signing and checking take time: what is sent and what comes keep their order.
  let sending = Promise.resolve()
  let receiving = Promise.resolve()

  async function check(vouch: Vouching, negotiation: Negotiation): Promise<void> {
    const { peerId: from, signature } = negotiation
    const key = keyOf(from)
    const text = negotiationText(from, self, negotiation)
    const mustSign = isKeyId(from) || key !== undefined
    if (mustSign && !(key && signature && (await vouch.isOf(from, key, text, signature)))) return onForged(from)
    options.receive(negotiation)
  }

  return {
    send: (negotiation) => {
      if (!vouching) return options.send(negotiation)
      const text = negotiationText(self, negotiation.peerId, negotiation)
      sending = sending.then(async () => options.send({ ...negotiation, signature: await vouching.sign(text) })).catch(() => onForged(self))
    },
    receive: (negotiation) => {
      if (!vouching) return options.receive(negotiation)
      receiving = receiving.then(() => check(vouching, negotiation)).catch(() => onForged(negotiation.peerId))
    },
  }
}
