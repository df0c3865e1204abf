/** Random calls of what chooses: experts, and the shortlist of logits. */
import * as code from '../../kernels/opcodes.ts'
import { largestOf, logSumExp, route } from '../../kernels/reference/choice.ts'
import { rowsWithoutCache, type KernelCaller, type Random } from './simd-call.ts'
import { extreme, pick, uneven, whole } from './simd-inputs.ts'
import type { Worst } from './simd-worst.ts'

export function routeCall(caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst): void {
  const groups = random() < 0.4 ? whole(random, 2, 4) : 0
  const experts = groups > 0 ? groups * whole(random, 1, 5) : whole(random, 1, 20)
  const groupsChosen = groups > 0 ? whole(random, 1, groups) : 0
  const chosen = whole(random, 1, groups > 0 ? (experts / groups) * groupsChosen : experts)
  const kind = pick(random, [code.ROUTE_SOFTMAX, code.ROUTE_SOFTMAX_OF_CHOSEN, code.ROUTE_SIGMOID])
  const tokens = whole(random, 1, 5)
  const scores = isExtreme ? extreme(random, tokens * experts) : uneven(random, tokens * experts)
  const choiceBias = random() < 0.4 && kind === code.ROUTE_SIGMOID ? uneven(random, experts) : null
  const [normalize, scale] = [random() < 0.5, Math.fround(0.5 + 2 * random())]
  const [ids, weights] = [caller.buffer(4 * tokens * chosen), caller.buffer(4 * tokens * chosen)]
  const words = {
    scores: caller.floats(scores),
    scoresStride: 4 * experts,
    experts,
    chosen,
    kind,
    choiceBias: choiceBias ? caller.floats(choiceBias) : 0,
  }
  const choiceStride = 4 * (experts + groups)
  const rest = { groups, groupsChosen, normalize: normalize ? 1 : 0, scale, choice: caller.buffer(tokens * choiceStride), choiceStride }
  caller.call('route', { ...words, ...rest, ids, weights }, rowsWithoutCache(tokens))
  const foundIds = caller.readWords(ids, tokens * chosen)
  // Whatever the scores are, an expert that is not there is never named.
  worst('route ids', Math.max(...foundIds), experts - 1)
  if (isExtreme) return
  const found = caller.readFloats(weights, tokens * chosen)
  for (let token = 0; token < tokens; token++) {
    const own = [...scores.subarray(token * experts, (token + 1) * experts)]
    const expected = route(own, { kind, chosen, choiceBias, groups, groupsChosen, normalize, scale })
    for (const [i, weight] of expected.weights.entries()) {
      const at = token * chosen + i
      // Where rounding makes two scores equal, either may come first: their weights are the same.
      worst('route', Math.abs((found[at] ?? NaN) - weight), 1e-5 * Math.abs(weight) + 1e-6 * scale)
    }
  }
}

export function combineCall(caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst): void {
  const [tokens, chosen, width] = [whole(random, 1, 4), whole(random, 1, 5), whole(random, 1, 50)]
  const x = isExtreme ? extreme(random, tokens * chosen * width) : uneven(random, tokens * chosen * width)
  const weights = uneven(random, tokens * chosen)
  const y = caller.buffer(4 * tokens * width)
  const words = { x: caller.floats(x), xStride: 4 * width, weights: caller.floats(weights), chosen, width, y, yStride: 4 * width }
  caller.call('combine', words, rowsWithoutCache(tokens))
  if (isExtreme) return
  const results = caller.readFloats(y, tokens * width)
  for (const [i, value] of results.entries()) {
    const [token, column] = [Math.floor(i / width), i % width]
    let [expected, magnitude] = [0, 0]
    for (let slot = 0; slot < chosen; slot++) {
      const term = (weights[token * chosen + slot] ?? 0) * (x[(token * chosen + slot) * width + column] ?? 0)
      expected += term
      magnitude += Math.abs(term)
    }
    worst('combine', Math.abs(value - expected), 1e-6 * magnitude + 1e-30)
  }
}

export function shortlistCall(caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst): void {
  const [n, rows] = [whole(random, 1, 700), whole(random, 1, 3)]
  const k = Math.min(n, pick(random, [1, 5, 128]))
  const logits = isExtreme ? extreme(random, rows * n) : uneven(random, rows * n, 3)
  // Ties are where an order can be wrong.
  if (random() < 0.5) for (let i = 0; i < logits.length; i++) logits[i] = Math.round(logits[i] ?? 0)
  const listBytes = 4 * (2 * k + 3)
  const [lists, merged] = [caller.buffer(listBytes), caller.buffer(listBytes)]
  caller.call('shortlist', { logits: caller.floats(logits), stride: 4 * n, n, k, lists, listBytes }, rowsWithoutCache(rows))
  caller.call('mergeShortlists', { k, lists, listBytes, merged }, rowsWithoutCache(rows))
  const [count = 0, ...ids] = caller.readWords(merged, 1 + k)
  worst('shortlist count', count, k)
  if (isExtreme) return
  const last = logits.subarray((rows - 1) * n)
  const expected = largestOf(last, k)
  worst('shortlist ids', expected.filter((id, i) => ids[i] !== id).length, 0)
  const [largest = NaN, sum = NaN] = caller.readFloats(merged + 4 * (1 + 2 * k), 2)
  worst('log-sum-exp', Math.abs(largest + Math.log(sum) - logSumExp(last)), 1e-5)
}
