import { LitElement, css, html } from 'lit'
import { buttonStyles, floatStyles, sharedStyles } from './shared-styles.ts'

/** What is asked before something that cannot be undone. */
export type Question = { readonly title: string; readonly text: string; readonly yes: string; readonly no: string }

/**
 * Asks before something that cannot be undone. `ask` opens it; the safe answer has the focus.
 */
export class ConfirmDialog extends LitElement {
  static override properties = { question: { state: true } }
  declare private question: Question | null
  private answer: ((isYes: boolean) => void) | null = null

  static override styles = [
    sharedStyles,
    buttonStyles,
    floatStyles,
    css`
      p {
        margin-top: var(--space-2);
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        justify-content: flex-end;
        gap: var(--space-2);
        margin-top: var(--space-5);
      }
    `,
  ]

  constructor() {
    super()
    this.question = null
  }

  /** True for yes; false for no, Esc included. */
  async ask(question: Question): Promise<boolean> {
    this.answer?.(false)
    this.question = question
    await this.updateComplete
    this.renderRoot.querySelector('dialog')?.showModal()
    return new Promise((resolve) => (this.answer = resolve))
  }

  private close(isYes: boolean): void {
    this.answer?.(isYes)
    this.answer = null
    this.renderRoot.querySelector('dialog')?.close()
  }

  protected override render() {
    const { question } = this
    return html`<dialog aria-label=${question?.title ?? 'Question'} aria-describedby="text" @close=${() => this.close(false)}>
      ${
        question === null
          ? null
          : html`<h2>${question.title}</h2>
              <p id="text" class="muted">${question.text}</p>
              <div class="actions">
                <button autofocus @click=${() => this.close(false)}>${question.no}</button>
                <button class="danger" @click=${() => this.close(true)}>${question.yes}</button>
              </div>`
      }
    </dialog>`
  }
}
customElements.define('confirm-dialog', ConfirmDialog)

declare global {
  interface HTMLElementTagNameMap {
    'confirm-dialog': ConfirmDialog
  }
}
