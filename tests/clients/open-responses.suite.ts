/** The cases of the Open Responses compliance suite but images, each body and event read by the specification's published types. */
import type { ClientServer } from './client-server.ts'
import { pythonSuite } from './python-suite.ts'

export const openResponsesSuite = (server: () => ClientServer): void =>
  pythonSuite(server, 'open_responses.py', {
    basic_response: 'basic response',
    streaming_response: 'streaming response',
    system_prompt: 'system prompt',
    tool_calling: 'tool calling',
    tool_calling_streaming: 'tool calling, streamed',
    multi_turn: 'multi-turn conversation',
    previous_response: 'previous_response_id',
  })
