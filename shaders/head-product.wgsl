// Logits of some rows of hidden states, of which only the K largest and the log-sum-exp of each part of the vocabulary are written:
// logit = softcap(scale · (weights · hidden)), softcap(x) = cap · tanh(x / cap). All logits are written only where `is_written`.
// A workgroup takes `group_rows` rows of weights in tiles of 256 / ROWS, the same for ROWS rows of hidden states; 8 threads share a row.
//   0  piece    Piece                                 uniform
//   1  weights  f32, f16, int8 or int4 [rows, units]  read    a unit is 16 bytes of a row; integers unsigned around the middle
//   2  scales   f32 or f16 [rows, blocks]             read    of integers
//   3  hidden   f32 [hidden rows, stride · 4]         read    normed; zeros behind the last column
//   4  lists    u32 [hidden rows, groups, 2 K + 3]    write   ordered values [K], ids [K], largest, sum, broken (head-list.wgsl)
//   5  logits   f32 [hidden rows, vocab]              write   where `is_written`
// Workgroups: groups of the piece, hidden rows / ROWS. Comes behind head-list.wgsl.
// Reference: head.ref.ts (accumulates in f64).  Tolerance: 1e-6 of the sum of the products' magnitudes.
const F32: u32 = 0;
const F16: u32 = 1;
const INT8: u32 = 2;
override FORM: u32 = F32;
// Elements that share a scale.
override BLOCK: u32 = 32;
override HAS_HALF_SCALES: u32 = 0;
const LANES: u32 = 8;
const LINES: u32 = THREADS / LANES;
// Padded, so that lanes do not meet in one bank.
const LANE_STRIDE: u32 = THREADS + 4;

struct Piece {
  // Id of the first row.
  first: u32,
  rows: u32,
  units: u32,
  group_rows: u32,
  first_group: u32,
  // Of all pieces.
  groups: u32,
  vocab: u32,
  // Vectors of 4.
  stride: u32,
  scale: f32,
  // 0: none.
  softcap: f32,
  is_written: u32,
}

@group(0) @binding(0) var<uniform> piece: Piece;
@group(0) @binding(1) var<storage, read> weights: array<vec4u>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> hidden: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> lists: array<u32>;
@group(0) @binding(5) var<storage, read_write> logits: array<f32>;

fn scale_at(block: u32) -> f32 {
  if (HAS_HALF_SCALES == 0u) { return bitcast<f32>(scales[block]); }
  let pair = unpack2x16float(scales[block / 2u]);
  return select(pair.x, pair.y, (block & 1u) == 1u);
}

// Four weights times the same columns of each row of hidden states, of which `at` is the first one's.
fn accumulate(sums: vec4f, four: vec4f, at: u32) -> vec4f {
  var next = sums;
  next.x += dot(four, hidden[at]);
  if (ROWS > 1u) {
    next.y += dot(four, hidden[at + piece.stride]);
    next.z += dot(four, hidden[at + 2u * piece.stride]);
    next.w += dot(four, hidden[at + 3u * piece.stride]);
  }
  return next;
}

fn add_bytes(sums: vec4f, word: u32, scale: f32, at: u32) -> vec4f {
  let four = vec4f((vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(0xffu)) - 128.0f;
  return accumulate(sums, scale * four, at);
}

fn add_nibbles(sums: vec4f, word: u32, scale: f32, at: u32) -> vec4f {
  let low = vec4f((vec4u(word) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(0xfu)) - 8.0f;
  let high = vec4f((vec4u(word) >> vec4u(16u, 20u, 24u, 28u)) & vec4u(0xfu)) - 8.0f;
  return accumulate(accumulate(sums, scale * low, at), scale * high, at + 1u);
}

// @param first vector of the first row of hidden states
fn add_unit(sums: vec4f, row: u32, unit: u32, first: u32) -> vec4f {
  let index = row * piece.units + unit;
  let words = weights[index];
  if (FORM == F32) { return accumulate(sums, bitcast<vec4f>(words), first + unit); }
  if (FORM == F16) {
    let at = first + 2u * unit;
    let next = accumulate(sums, vec4f(unpack2x16float(words.x), unpack2x16float(words.y)), at);
    return accumulate(next, vec4f(unpack2x16float(words.z), unpack2x16float(words.w)), at + 1u);
  }
  if (FORM == INT8) {
    let at = first + 4u * unit;
    let scale = scale_at(16u * index / BLOCK);
    let next = add_bytes(add_bytes(sums, words.x, scale, at), words.y, scale, at + 1u);
    return add_bytes(add_bytes(next, words.z, scale, at + 2u), words.w, scale, at + 3u);
  }
  let at = first + 8u * unit;
  let low = scale_at(32u * index / BLOCK);
  let high = scale_at((32u * index + 16u) / BLOCK);
  let next = add_nibbles(add_nibbles(sums, words.x, low, at), words.y, low, at + 2u);
  return add_nibbles(add_nibbles(next, words.z, high, at + 4u), words.w, high, at + 6u);
}

// Parts of the sums of a tile's rows, in `spare` by lane; those beyond `end` stay what they were.
fn multiply_tile(thread: u32, tile: u32, end: u32, first: u32) {
  let lane = thread % LANES;
  for (var line = thread / LANES; line < SLOTS && tile + line < end; line += LINES) {
    var sums = vec4f();
    for (var unit = lane; unit < piece.units; unit += LANES) { sums = add_unit(sums, tile + line, unit, first); }
    let at = lane * LANE_STRIDE + line;
    spare[at] = bitcast<u32>(sums.x);
    if (ROWS > 1u) {
      spare[at + SLOTS] = bitcast<u32>(sums.y);
      spare[at + 2u * SLOTS] = bitcast<u32>(sums.z);
      spare[at + 3u * SLOTS] = bitcast<u32>(sums.w);
    }
  }
  workgroupBarrier();
}

fn logit_of(thread: u32) -> f32 {
  var sum = 0.0f;
  for (var lane = 0u; lane < LANES; lane++) { sum += bitcast<f32>(spare[lane * LANE_STRIDE + thread]); }
  let scaled = sum * piece.scale;
  // tanh overflows on some devices; at 15 it is 1. What is no number must not become a bound.
  if (piece.softcap == 0.0f || is_nan(scaled)) { return scaled; }
  return piece.softcap * tanh(clamp(scaled / piece.softcap, -15.0f, 15.0f));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let row = thread / SLOTS;
  let slot = thread % SLOTS;
  let hidden_row = group.y * ROWS + row;
  let begin = group.x * piece.group_rows;
  let end = min(piece.rows, begin + piece.group_rows);
  var mass = Mass(0.0f, 0.0f, 0u);
  clear_lists(thread);
  for (var tile = begin; tile < end; tile += SLOTS) {
    multiply_tile(thread, tile, end, group.y * ROWS * piece.stride);
    if (tile + slot < end) {
      let logit = logit_of(thread);
      let id = piece.first + tile + slot;
      if (piece.is_written == 1u) { logits[hidden_row * piece.vocab + id] = logit; }
      mass = add_masses(mass, mass_of(logit));
      if (!is_nan(logit)) { offer(row, ordered_bits(logit), id); }
    }
    _ = take_offers(thread);
  }
  mass = row_mass(thread, mass);
  let list = (hidden_row * piece.groups + piece.first_group + group.x) * (2u * K + 3u);
  for (var i = slot; i < K; i += SLOTS) {
    let is_kept = i < counts[row];
    lists[list + i] = select(0u, kept_values[row * K + i], is_kept);
    lists[list + K + i] = select(NO_ID, kept_ids[row * K + i], is_kept);
  }
  if (slot == 0u) {
    lists[list + 2u * K] = bitcast<u32>(mass.largest);
    lists[list + 2u * K + 1u] = bitcast<u32>(mass.sum);
    lists[list + 2u * K + 2u] = mass.broken;
  }
}
