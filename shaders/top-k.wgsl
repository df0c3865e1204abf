// Top-k with log-sum-exp over a row of logits, so that a vocabulary of logits need not leave the GPU.
// One workgroup. Radix select: the k-th largest of the 64-bit keys (value, then lower id first) is found digit by digit from
// histograms of 256 bins; what is not below it is collected and ranked. Keys differ in their id, so the cut is exact under ties.
//   0  logits  f32 [vocab]      read
//   1  output  u32 [2 K + 1]    write   ids [K], logits as f32 bits [K], log-sum-exp as f32 bits; highest first
// Where vocab < K the rest of the ids is 0xffffffff. Vocab is the length of the bound range.
// Reference: top-k.ref.ts (accumulates in f64).  Tolerance: ids and logits exact, log-sum-exp 1e-5.
override K: u32 = 128;
const THREADS: u32 = 256;
const BINS: u32 = 256;
const DIGITS: u32 = 8;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<u32>;

var<workgroup> histogram: array<atomic<u32>, BINS>;
var<workgroup> reduction: array<f32, THREADS>;
var<workgroup> candidate_values: array<u32, THREADS>;
var<workgroup> candidate_ids: array<u32, THREADS>;
var<workgroup> candidate_count: atomic<u32>;
// The cut so far: digits not yet known are zero.
var<workgroup> cut: vec2u;
// How many keys of the cut's bin belong to the top k.
var<workgroup> wanted: u32;
var<workgroup> is_done: u32;

// Unsigned order of the result is the order of the floats; both zeros are one value.
fn ordered_bits(value: f32) -> u32 {
  let raw = bitcast<u32>(value);
  let bits = select(raw, 0u, (raw << 1u) == 0u);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

fn value_of(ordered: u32) -> f32 {
  return bitcast<f32>(select(~ordered, ordered & 0x7fffffffu, (ordered & 0x80000000u) != 0u));
}

fn key_of(id: u32) -> vec2u {
  return vec2u(ordered_bits(logits[id]), ~id);
}

fn digit_of(key: vec2u, digit: u32) -> u32 {
  let word = select(key.y, key.x, digit < 4u);
  return (word >> (24u - 8u * (digit % 4u))) & 0xffu;
}

// True when the digits before `digit` are those of the cut.
fn is_in_bin(key: vec2u, digit: u32) -> bool {
  if (digit == 0u) { return true; }
  if (digit < 4u) { return ((key.x ^ cut.x) >> (32u - 8u * digit)) == 0u; }
  if (key.x != cut.x) { return false; }
  return digit == 4u || ((key.y ^ cut.y) >> (64u - 8u * digit)) == 0u;
}

// From the highest bin down to the one that holds the k-th largest key.
fn narrow_cut(digit: u32) {
  var above = 0u;
  var bin = BINS - 1u;
  loop {
    let count = atomicLoad(&histogram[bin]);
    if (above + count >= wanted || bin == 0u) {
      is_done = select(0u, 1u, above + count == wanted);
      break;
    }
    above += count;
    bin -= 1u;
  }
  wanted -= above;
  let shifted = bin << (24u - 8u * (digit % 4u));
  if (digit < 4u) { cut.x |= shifted; } else { cut.y |= shifted; }
}

fn reduce_max(thread: u32, value: f32) -> f32 {
  reduction[thread] = value;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { reduction[thread] = max(reduction[thread], reduction[thread + half]); }
  }
  return workgroupUniformLoad(&reduction[0]);
}

fn reduce_sum(thread: u32, value: f32) -> f32 {
  workgroupBarrier();
  reduction[thread] = value;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { reduction[thread] += reduction[thread + half]; }
  }
  return workgroupUniformLoad(&reduction[0]);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  let vocab = arrayLength(&logits);
  let entries = min(K, vocab);
  if (thread == 0u) {
    wanted = entries;
    cut = vec2u(0u, 0u);
    is_done = 0u;
    atomicStore(&candidate_count, 0u);
  }
  for (var digit = 0u; digit < DIGITS; digit++) {
    atomicStore(&histogram[thread], 0u);
    workgroupBarrier();
    for (var id = thread; id < vocab; id += THREADS) {
      let key = key_of(id);
      if (is_in_bin(key, digit)) { atomicAdd(&histogram[digit_of(key, digit)], 1u); }
    }
    workgroupBarrier();
    if (thread == 0u) { narrow_cut(digit); }
    if (workgroupUniformLoad(&is_done) == 1u) { break; }
  }

  var largest = -3.402823466e38f;
  for (var id = thread; id < vocab; id += THREADS) {
    let key = key_of(id);
    largest = max(largest, logits[id]);
    if (key.x > cut.x || (key.x == cut.x && key.y >= cut.y)) {
      let slot = atomicAdd(&candidate_count, 1u);
      candidate_values[slot] = key.x;
      candidate_ids[slot] = id;
    }
  }
  let peak = reduce_max(thread, largest);
  var mass = 0.0f;
  for (var id = thread; id < vocab; id += THREADS) { mass += exp(logits[id] - peak); }
  let total = reduce_sum(thread, mass);
  if (thread == 0u) { output[2u * K] = bitcast<u32>(peak + log(total)); }

  if (thread < entries) {
    let value = candidate_values[thread];
    let id = candidate_ids[thread];
    var rank = 0u;
    for (var other = 0u; other < entries; other++) {
      let is_higher = candidate_values[other] > value || (candidate_values[other] == value && candidate_ids[other] < id);
      rank += select(0u, 1u, is_higher);
    }
    output[rank] = id;
    output[K + rank] = bitcast<u32>(value_of(value));
  } else if (thread < K) {
    output[thread] = 0xffffffffu;
    output[K + thread] = 0xff800000u;
  }
}
