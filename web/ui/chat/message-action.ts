/** What a person does with a message; the chat's page carries it out. */
export type MessageAction =
  | { readonly type: 'regenerate'; readonly id: string }
  /** Another version of a question. */
  | { readonly type: 'resend'; readonly id: string; readonly text: string }
  /** Other words in the same place. */
  | { readonly type: 'rewrite'; readonly id: string; readonly text: string }
  | { readonly type: 'show'; readonly id: string }
  /** Another answer that begins with `text`. */
  | { readonly type: 'go-on'; readonly id: string; readonly text: string }
  | { readonly type: 'result'; readonly id: string; readonly call: string; readonly text: string }

/** Sends it up to the page. */
export function act(from: EventTarget, action: MessageAction): void {
  from.dispatchEvent(new CustomEvent<MessageAction>('message-action', { detail: action, bubbles: true, composed: true }))
}
