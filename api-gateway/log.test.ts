import { expect, test } from 'vitest'
import { logLevels } from './log.ts'

test.each([
  ['', ['warn', 'warn', 'warn']],
  ['0', ['silent', 'silent', 'silent']],
  ['2', ['warn', 'warn', 'warn']],
  ['5', ['info', 'info', 'info']],
  ['9', ['debug', 'debug', 'debug']],
  ['signal', ['warn', 'debug', 'warn']],
  ['gateway:5, device', ['info', 'warn', 'debug']],
  ['1,signal:9', ['warn', 'debug', 'warn']],
  ['signal:x', ['warn', 'debug', 'warn']],
  ['ringlet:*', ['debug', 'debug', 'debug']],
])('DEBUG=%s', (debug, [gateway, signal, device]) => expect(logLevels(debug)).toEqual({ gateway, signal, device }))
