/** `openai` for Python. */
import type { ClientServer } from './client-server.ts'
import { pythonSuite } from './python-suite.ts'

export const openaiPythonSuite = (server: () => ClientServer): void =>
  pythonSuite(server, 'openai_python.py', {
    chat: 'chats',
    stream: 'streams the same',
    tools: 'calls a tool: of itself, and because it must',
    structured_output: 'keeps to a JSON schema, whole and streamed',
    embeddings: 'gets embeddings',
    abort: 'an abort ends the answer on the ring',
    errors: 'sees refusals as typed errors',
    retries: 'a refusal with a time is tried again',
  })
