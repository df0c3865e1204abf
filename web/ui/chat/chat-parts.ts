import type { ChatLibrary } from '../../chat/chat-library.ts'
import type { ChatSession } from '../../chat/chat-session.ts'
import type { PageEngine } from '../../engine/page-engine.ts'
import type { CatalogSession } from '../models/catalog-session.ts'

/** What the chat is made over, kept outside of its elements. */
export type ChatParts = {
  /** What the page knows of the cluster. */
  readonly engine: PageEngine
  /** The open chat. */
  readonly session: ChatSession
  /** All chats. */
  readonly library: ChatLibrary
  /** What is known of models. */
  readonly catalog: CatalogSession
}
