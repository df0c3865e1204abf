import { LitElement, css, html, svg } from 'lit'
import { sharedStyles } from '../parts/shared-styles.ts'
import { PATH_NAMES } from './device-rows.ts'
import { formatMilliseconds } from '../parts/quantities.ts'
import { TOPOLOGY_WIDTH, shortName, type Topology, type TopologyHop, type TopologyNode, type TopologyOutsider } from './topology-layout.ts'

/** Characters of a name under a node, and beside a peer outside of the ring. */
const NODE_NAME = 16
const OUTSIDER_NAME = 19
const NODE_NAME_GAP = 15
/** Width of one character of a hop's label, in units of the drawing. */
const LABEL_CHARACTER = 5.6

/** Round trips up to which a hop is near, and from which it is far, in milliseconds: as within a house, and as across a country. */
const NEAR_MS = 10
const FAR_MS = 50
const distanceOf = (rttMs: number | null): 'near' | 'middle' | 'far' | '' =>
  rttMs === null ? '' : rttMs <= NEAR_MS ? 'near' : rttMs >= FAR_MS ? 'far' : 'middle'

/**
 * The ring as a picture: devices in shard order with their layers and memory, hops with path and time, everybody else
 * below. The table beside it says the same in words, so the picture is hidden from screen readers.
 *
 * @property topology - where everything goes
 * @property heading - what stands in the middle
 * @property subheading - and below it
 */
export class RingTopology extends LitElement {
  static override properties = { topology: { attribute: false }, heading: {}, subheading: {} }
  declare topology: Topology | null
  declare heading: string
  declare subheading: string

  static override styles = [
    sharedStyles,
    css`
      svg {
        display: block;
        width: 100%;
        max-width: 34rem;
        margin: 0 auto;
        font-family: var(--sans);
        font-variant-numeric: tabular-nums;
      }
      text {
        fill: var(--ink);
        font-size: 11.5px;
        text-anchor: middle;
      }
      .heading {
        font-size: 16px;
        font-weight: 650;
      }
      .name {
        paint-order: stroke;
        stroke: var(--surface);
        stroke-width: 5px;
        stroke-linejoin: round;
      }
      /* The table says which one is you in words. */
      .self {
        font-weight: 700;
        fill: var(--accent);
      }
      .quiet {
        fill: var(--muted);
      }
      .disc {
        fill: var(--surface);
      }
      .share {
        font-weight: 650;
      }
      .track {
        stroke: var(--line);
      }
      .failed .gauge,
      .missing .gauge {
        stroke: var(--bad);
      }
      .missing .disc {
        stroke-dasharray: 3 4;
      }
      .loading .gauge {
        animation: breathe 1.6s ease-in-out infinite;
      }
      .hop {
        fill: none;
        stroke: var(--muted);
        stroke-width: 1.6;
      }
      .hop.near {
        stroke: var(--good);
      }
      .hop.far {
        stroke: var(--warn);
      }
      .frame {
        fill: var(--accent);
      }
      @media (prefers-reduced-motion: reduce) {
        .frame {
          display: none;
        }
      }
      .hop.relay {
        stroke: var(--warn);
        stroke-dasharray: 5 4;
      }
      .hop.unknown {
        stroke: var(--line);
      }
      .head {
        fill: var(--muted);
      }
      .pill {
        fill: var(--surface);
        stroke: var(--line);
      }
      .pill-text {
        font-size: 10px;
      }
      .relay-text {
        fill: var(--warn);
        font-weight: 600;
      }
      .outside text {
        text-anchor: start;
      }
      @keyframes breathe {
        50% {
          opacity: 0.35;
        }
      }
      @media (prefers-reduced-motion: reduce) {
        .loading .gauge {
          animation: none;
        }
      }
    `,
  ]

  constructor() {
    super()
    this.topology = null
    this.heading = ''
    this.subheading = ''
  }

  private hop(hop: TopologyHop, isLabelled: boolean) {
    const label = [hop.rttMs === null ? null : formatMilliseconds(hop.rttMs), hop.path === 'webrtc' ? null : PATH_NAMES[hop.path]]
      .filter((part) => part !== null)
      .join(' · ')
    const width = label.length * LABEL_CHARACTER + 14
    return svg`<path class="hop ${hop.path} ${distanceOf(hop.rttMs)}" d=${hop.arc} marker-end="url(#arrow)"></path>
      ${hop.isFlowing ? svg`<circle class="frame" r="3.2"><animateMotion dur="1.2s" repeatCount="indefinite" path=${hop.arc}></animateMotion></circle>` : null}
      ${
        isLabelled && label !== ''
          ? svg`<rect class="pill" x=${hop.labelX - width / 2} y=${hop.labelY - 9} width=${width} height="18" rx="9"></rect>
        <text class="pill-text ${hop.path}-text" x=${hop.labelX} y=${hop.labelY + 3.5}>${label}</text>`
          : null
      }`
  }

  private node(node: TopologyNode, isLabelled: boolean) {
    const { x, y, radius } = node
    const stroke = Math.min(4, radius / 4)
    const inset = stroke
    const last = node.endLayer - 1
    const range = last <= node.startLayer ? String(node.startLayer) : `${node.startLayer}–${last}`
    const filled = 100 * node.gauge
    return svg`<g class=${node.state}>
      <title>${node.name}</title>
      <circle class="disc" cx=${x} cy=${y} r=${radius} stroke="var(--ring-${node.order % 8})" stroke-width="1.5" stroke-opacity="0.35"></circle>
      <circle class="track" cx=${x} cy=${y} r=${radius - inset} fill="none" stroke-width=${stroke}></circle>
      <circle class="gauge" cx=${x} cy=${y} r=${radius - inset} fill="none" stroke="var(--ring-${node.order % 8})" stroke-width=${stroke} stroke-linecap="round"
        pathLength="100" stroke-dasharray="${Math.max(0.1, filled)} 100" transform="rotate(-90 ${x} ${y})"></circle>
      <text class="share" x=${node.labelX} y=${isLabelled ? y + 1 : node.labelY + 3.5}>${range}</text>
      ${isLabelled ? svg`<text class="quiet pill-text" x=${x} y=${y + 13}>${node.caption}</text>` : null}
    </g>`
  }

  /** Names come last and push lines aside, wherever these run. */
  private name(node: TopologyNode) {
    return svg`<text class=${node.isSelf ? 'name self' : 'name'} x=${node.x} y=${node.y + node.radius + NODE_NAME_GAP}>${shortName(node.name, NODE_NAME)}</text>`
  }

  private outsider(peer: TopologyOutsider) {
    const sign = {
      spare: svg`<circle cx=${peer.x} cy=${peer.y} r="8" fill="none" stroke="var(--muted)" stroke-width="1.5" stroke-dasharray="3 3"></circle>`,
      client: svg`<circle cx=${peer.x} cy=${peer.y} r="4.5" fill="var(--muted)"></circle>`,
      gateway: svg`<rect x=${peer.x - 5} y=${peer.y - 5} width="10" height="10" rx="2.5" fill="var(--muted)"></rect>`,
    }[peer.kind]
    const kind = { spare: 'spare', client: 'chat', gateway: 'gateway' }[peer.kind]
    return svg`<g class="outside"><title>${peer.name}</title>${sign}
      <text x=${peer.x + 15} y=${peer.y + 4}>${shortName(peer.name, OUTSIDER_NAME - kind.length)} <tspan class="quiet">${peer.isSelf ? 'you' : kind}</tspan></text></g>`
  }

  protected override render() {
    const topology = this.topology
    if (!topology) return null
    const { centerX, centerY, ringRadius, nodes, hops, outsiders, isLabelled } = topology
    return html`<svg viewBox="0 0 ${TOPOLOGY_WIDTH} ${topology.height}" aria-hidden="true">
      <defs>
        <marker id="arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="5" markerHeight="5" orient="auto">
          <path class="head" d="M0 0 8 4 0 8Z"></path>
        </marker>
      </defs>
      ${nodes.length < 2 ? svg`<circle cx=${centerX} cy=${centerY} r=${ringRadius} fill="none" stroke="var(--line)" stroke-width="1.6" stroke-dasharray="2 7" stroke-linecap="round"></circle>` : null}
      <text class="heading" x=${centerX} y=${centerY}>${this.heading}</text>
      <text class="quiet" x=${centerX} y=${centerY + 18}>${this.subheading}</text>
      ${hops.map((hop) => this.hop(hop, isLabelled))} ${nodes.map((node) => this.node(node, isLabelled))}
      ${isLabelled ? nodes.map((node) => this.name(node)) : null} ${outsiders.map((peer) => this.outsider(peer))}
    </svg>`
  }
}
customElements.define('ring-topology', RingTopology)

declare global {
  interface HTMLElementTagNameMap {
    'ring-topology': RingTopology
  }
}
