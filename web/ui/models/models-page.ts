import { LitElement, css, html } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { ModelCard } from '../../../protocol/catalog.ts'
import type { ModelId } from '../../../protocol/ids.ts'
import type { PageEngine } from '../../engine/page-engine.ts'
import { sendingKey, type CatalogSession, type CatalogState, type Sending } from './catalog-session.ts'
import { drawInSteps } from '../parts/draw-in-steps.ts'
import '../parts/error-note.ts'
import './model-add.ts'
import type { FilesToSend } from './model-add.ts'
import './model-card.ts'
import type { AskedAction } from './model-card.ts'
import './model-filter.ts'
import type { ModelFilterChoice } from './model-filter.ts'
import { familiesOf, modelLists } from './model-list.ts'
import { modelState } from './model-state.ts'
import './model-uploads.ts'
import { redrawOn } from '../parts/redraw-on.ts'
import { sharedStyles } from '../parts/shared-styles.ts'
import './storage-card.ts'

/** They take a processor of a phone some tens of milliseconds. */
const CARDS_A_STEP = 4

/**
 * Models: what is here and how far, what could be, adding one, and what this browser keeps.
 *
 * @property engine - what the page knows
 * @property catalog - what it knows of models, kept outside of this element
 */
export class ModelsPage extends LitElement {
  static override properties = { engine: { attribute: false }, catalog: { attribute: false }, choice: { state: true } }
  declare engine: PageEngine | null
  declare catalog: CatalogSession | null
  declare private choice: ModelFilterChoice

  private readonly sectionSteps = drawInSteps(this, 1, 0)
  private readonly cardSteps = drawInSteps(this, CARDS_A_STEP)

  static override styles = [
    sharedStyles,
    css`
      .stack {
        display: grid;
        gap: 1.25rem;
        margin-top: 1.75rem;
      }
      h2 {
        margin-bottom: 0.75rem;
      }
      ul {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr));
        gap: 0.9rem;
        list-style: none;
      }
      li {
        min-width: 0;
      }
      model-filter {
        margin-bottom: 1rem;
      }
    `,
  ]

  constructor() {
    super()
    this.engine = null
    this.catalog = null
    this.choice = { quality: 'balanced', family: null, onlyFitting: false, words: '' }
    redrawOn(this, (redraw) => this.engine?.onChange(redraw) ?? (() => undefined))
    redrawOn(this, (redraw) => this.catalog?.onChange(redraw) ?? (() => undefined))
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const quality = this.catalog?.state().quality
    if (quality) this.choice = { ...this.choice, quality }
    void this.catalog?.refresh()
  }

  private choose(choice: ModelFilterChoice): void {
    const isOther = choice.quality !== this.choice.quality
    this.choice = choice
    if (isOther) void this.catalog?.choose(choice.quality)
  }

  private card(card: ModelCard, engine: PageEngine, catalog: CatalogSession) {
    return html`<li>
      <model-card
        .card=${card}
        .state=${modelState(engine.view(), card.id, catalog.speeds, card.place === 'server')}
        .failure=${catalog.state().failures.get(card.id) ?? null}
        @act=${(event: CustomEvent<AskedAction>) => void catalog.act(card.id, event.detail)}
        @remove=${() => void catalog.remove(card.id)}
      ></model-card>
    </li>`
  }

  private list(cards: readonly ModelCard[], engine: PageEngine, catalog: CatalogSession) {
    return html`<ul>
      ${repeat(
        cards,
        ({ id }) => id,
        (card) => this.card(card, engine, catalog),
      )}
    </ul>`
  }

  private uploads(catalog: CatalogSession) {
    const { sending, uploads } = catalog.state()
    const resume = (model: ModelId): void => {
      const stopped = sending.find((one) => one.model === model)
      if (stopped) void catalog.send(model, stopped.files)
    }
    return html`<model-uploads
      .sending=${sending}
      .uploads=${uploads}
      .speedOf=${({ model, totalBytes }: Sending) => catalog.speeds.of(sendingKey(model), totalBytes)}
      @stop=${(event: CustomEvent<ModelId>) => catalog.stopSending(event.detail)}
      @resume=${(event: CustomEvent<ModelId>) => resume(event.detail)}
      @discard=${(event: CustomEvent<ModelId>) => void catalog.discard(event.detail)}
    ></model-uploads>`
  }

  private add({ lookup }: CatalogState, catalog: CatalogSession) {
    return html`<model-add
      .busy=${lookup.state === 'busy'}
      .error=${lookup.state === 'failed' ? lookup.error : null}
      @look-up=${(event: CustomEvent<string>) => void catalog.lookUp(event.detail)}
      @send=${(event: CustomEvent<FilesToSend>) => void catalog.send(event.detail.model, event.detail.files)}
    ></model-add>`
  }

  private others(others: readonly ModelCard[], { cards }: CatalogState, engine: PageEngine, catalog: CatalogSession) {
    const drawn = this.cardSteps(others)
    return html`<section aria-labelledby="catalogue">
        <h2 id="catalogue">Catalogue</h2>
        <model-filter
          .families=${familiesOf(cards ?? [])}
          .choice=${this.choice}
          .shown=${others.length}
          @choose=${(event: CustomEvent<ModelFilterChoice>) => this.choose(event.detail)}
        ></model-filter>
        ${cards && others.length === 0 ? html`<p class="muted">No model matches. Lend more memory, or change the filter.</p>` : null}
        ${this.list(drawn, engine, catalog)}
      </section>
      ${drawn.length === others.length ? html`<storage-card .store=${engine.stored}></storage-card>` : null}`
  }

  /** From the top down, so that nothing moves when it comes. */
  private lists(here: readonly ModelCard[], others: readonly ModelCard[], engine: PageEngine, catalog: CatalogSession) {
    const state = catalog.state()
    const sections = [
      () =>
        here.length > 0
          ? html`<section aria-labelledby="here">
              <h2 id="here">Here</h2>
              ${this.list(here, engine, catalog)}
            </section>`
          : null,
      () => this.add(state, catalog),
      () => this.uploads(catalog),
      () => this.others(others, state, engine, catalog),
    ]
    return this.sectionSteps(sections).map((draw) => draw())
  }

  protected override render() {
    const { engine, catalog } = this
    if (!engine || !catalog) return null
    const { cards, lookup, error } = catalog.state()
    const found = lookup.state === 'found' ? lookup.model : null
    const { here, others } = modelLists(engine.view(), cards ?? [], this.choice, found)
    return html`<div class="page">
      <h1>Models</h1>
      <p class="lead">What this cluster runs, and what it could run. Each device downloads only the layers that it holds.</p>
      <div class="stack">
        <error-note exact .error=${error}></error-note>
        ${
          cards === null && !error
            ? html`<p class="muted" role="status" aria-busy="true">Weighing models against the devices here…</p>`
            : this.lists(here, others, engine, catalog)
        }
      </div>
    </div>`
  }
}
customElements.define('models-page', ModelsPage)

declare global {
  interface HTMLElementTagNameMap {
    'models-page': ModelsPage
  }
}
