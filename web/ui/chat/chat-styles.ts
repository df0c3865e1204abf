/** How the chat's page is laid out: the list of chats beside the conversation, or over it where there is no room. */
import { css } from 'lit'

export const chatStyles = css`
  :host {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    min-height: calc(100dvh - var(--header-height));
    max-width: 92rem;
    margin: 0 auto;
  }
  nav {
    position: sticky;
    top: var(--header-height);
    display: flex;
    flex-direction: column;
    height: calc(100dvh - var(--header-height));
    padding: var(--space-3) var(--space-3) 0 clamp(0.6rem, 3vw, 1.5rem);
    border-right: 1px solid var(--line);
  }
  nav chat-history {
    flex: 1;
  }
  dialog.drawer {
    width: min(21rem, 88vw);
    height: 100dvh;
    max-height: none;
    margin: 0;
    padding: var(--space-3);
    border: 0;
    border-right: 1px solid var(--line);
    border-radius: 0;
    overflow: hidden;
  }
  dialog.drawer chat-history {
    height: 100%;
  }
  /* They float above the page, and take no row of it. */
  settings-dialog,
  shortcuts-dialog,
  confirm-dialog {
    display: contents;
  }
  .conversation {
    display: grid;
    grid-template-rows: auto 1fr auto;
    min-width: 0;
    padding: 0 var(--gutter);
  }
  .conversation > :not(.visually-hidden) {
    width: 100%;
    max-width: var(--measure);
    margin-inline: auto;
  }
  .top {
    position: sticky;
    top: var(--header-height);
    z-index: 1;
    margin-inline: auto;
    padding: 0.35rem 0 0.8rem;
    background: linear-gradient(var(--ground) calc(100% - 0.6rem), transparent);
  }
  .top chat-bar {
    margin-inline: -0.5rem;
  }
  chat-welcome {
    align-self: center;
  }
  .bottom {
    position: sticky;
    bottom: 0;
    padding: 0.25rem 0 max(0.7rem, env(safe-area-inset-bottom));
    background: linear-gradient(transparent, var(--ground) 1rem);
  }
  .under {
    min-height: 1.4em;
    margin-top: 0.4rem;
    text-align: center;
    overflow-wrap: anywhere;
  }
  @media (min-width: 60rem) {
    :host([sidebar]) {
      grid-template-columns: 17.5rem minmax(0, 1fr);
    }
  }
`
