/** The list of chats: beside the conversation where there is room, else a drawer over it. Whether it is shown is remembered where there is room. */
import { html, type ReactiveControllerHost, type TemplateResult } from 'lit'
import { pageStorage, remember } from '../parts/page-storage.ts'

const WIDE = '(min-width: 60rem)'
const SIDEBAR_KEY = 'ringlet.sidebar'

type SidebarHost = ReactiveControllerHost & {
  /** The list is shown. */
  sidebar: boolean
  readonly renderRoot: DocumentFragment | HTMLElement
}

export type Sidebar = {
  readonly toggle: (isShown: boolean) => void
  /** Where the list lies over the conversation it gives way to what was chosen in it. */
  readonly giveWay: () => void
  readonly frame: (list: () => TemplateResult | null) => TemplateResult | null
}

export function createSidebar(host: SidebarHost): Sidebar {
  const wide = matchMedia(WIDE)
  const onWidth = (): void => void (host.sidebar = wide.matches && pageStorage.getItem(SIDEBAR_KEY) !== 'hidden')
  host.addController({
    hostConnected: () => wide.addEventListener('change', onWidth),
    hostDisconnected: () => wide.removeEventListener('change', onWidth),
  })
  onWidth()
  function showDrawer(): void {
    const drawer = host.renderRoot.querySelector<HTMLDialogElement>('dialog.drawer')
    if (host.sidebar && drawer && !drawer.open) drawer.showModal()
    if (!host.sidebar) drawer?.close()
  }
  function toggle(isShown: boolean): void {
    host.sidebar = isShown
    if (wide.matches) remember(SIDEBAR_KEY, isShown ? 'shown' : 'hidden')
    else void host.updateComplete.then(showDrawer)
  }
  return {
    toggle,
    giveWay: () => {
      if (!wide.matches) toggle(false)
    },
    frame: (list) => {
      if (wide.matches) return host.sidebar ? html`<nav aria-label="Chats">${list()}</nav>` : null
      return html`<dialog class="drawer" aria-label="Chats" @close=${() => (host.sidebar = false)} @click=${closeBeside}>
        ${host.sidebar ? list() : null}
      </dialog>`
    },
  }
}

/** A click beside the drawer, on its backdrop, closes it. */
function closeBeside(event: MouseEvent): void {
  if (event.target instanceof HTMLDialogElement) event.target.close()
}
