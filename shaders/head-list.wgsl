// Comes before head-product.wgsl and head-merge.wgsl, which keep such lists: the K largest of all that is offered, highest first,
// the lower id first among equals, for each of ROWS rows by itself; and the log-sum-exp of parts.
// Values are kept in the order of unsigned integers; 0 is none: no logit becomes it but one that is no number.
override K: u32 = 128;
override ROWS: u32 = 1;
const THREADS: u32 = 256;
// Threads of a row.
override SLOTS: u32 = THREADS / ROWS;
override KEPT: u32 = ROWS * K;
// 2 KEPT words on the way to the next list; sums of a product's lanes, 8 times 256 and padding.
const SPARE: u32 = 2080;
const NO_ID: u32 = 0xffffffffu;

var<workgroup> kept_values: array<u32, KEPT>;
var<workgroup> kept_ids: array<u32, KEPT>;
var<workgroup> counts: array<u32, ROWS>;
// In any order: what they are put in is none of it.
var<workgroup> offered_values: array<u32, THREADS>;
var<workgroup> offered_ids: array<u32, THREADS>;
var<workgroup> offers: array<atomic<u32>, ROWS>;
var<workgroup> all_offers: u32;
var<workgroup> spare: array<u32, SPARE>;

fn is_nan(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

// Unsigned order of the result is the order of the floats; both zeros are one value.
fn ordered_bits(value: f32) -> u32 {
  let raw = bitcast<u32>(value);
  let bits = select(raw, 0u, (raw << 1u) == 0u);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

fn bits_of(ordered: u32) -> u32 {
  return select(~ordered, ordered & 0x7fffffffu, (ordered & 0x80000000u) != 0u);
}

fn is_before(value: u32, id: u32, other_value: u32, other_id: u32) -> bool {
  return value > other_value || (value == other_value && id < other_id);
}

fn clear_lists(thread: u32) {
  if (thread < ROWS) {
    counts[thread] = 0u;
    atomicStore(&offers[thread], 0u);
  }
  workgroupBarrier();
}

// At most once a thread between two calls of take_offers.
fn offer(row: u32, value: u32, id: u32) {
  let last = row * K + K - 1u;
  if (counts[row] == K && !is_before(value, id, kept_values[last], kept_ids[last])) { return; }
  let place = row * SLOTS + atomicAdd(&offers[row], 1u);
  offered_values[place] = value;
  offered_ids[place] = id;
}

fn offered_before(row: u32, count: u32, value: u32, id: u32) -> u32 {
  var before = 0u;
  for (var i = row * SLOTS; i < row * SLOTS + count; i++) {
    before += select(0u, 1u, is_before(offered_values[i], offered_ids[i], value, id));
  }
  return before;
}

fn kept_before(row: u32, count: u32, value: u32, id: u32) -> u32 {
  var low = 0u;
  var high = count;
  while (low < high) {
    let middle = (low + high) / 2u;
    let at = row * K + middle;
    if (is_before(kept_values[at], kept_ids[at], value, id)) { low = middle + 1u; } else { high = middle; }
  }
  return low;
}

fn set_next(row: u32, rank: u32, value: u32, id: u32) {
  if (rank >= K) { return; }
  spare[2u * row * K + rank] = value;
  spare[2u * row * K + K + rank] = id;
}

// Called by all threads. False when nothing was offered that a list wants.
fn take_offers(thread: u32) -> bool {
  workgroupBarrier();
  if (thread == 0u) {
    all_offers = 0u;
    for (var row = 0u; row < ROWS; row++) { all_offers += atomicLoad(&offers[row]); }
  }
  if (workgroupUniformLoad(&all_offers) == 0u) { return false; }
  let row = thread / SLOTS;
  let slot = thread % SLOTS;
  let offered = atomicLoad(&offers[row]);
  let kept = counts[row];
  if (slot < offered) {
    let value = offered_values[row * SLOTS + slot];
    let id = offered_ids[row * SLOTS + slot];
    set_next(row, kept_before(row, kept, value, id) + offered_before(row, offered, value, id), value, id);
  }
  for (var i = slot; i < kept; i += SLOTS) {
    let value = kept_values[row * K + i];
    let id = kept_ids[row * K + i];
    set_next(row, i + offered_before(row, offered, value, id), value, id);
  }
  workgroupBarrier();
  let count = min(K, kept + offered);
  for (var i = slot; i < count; i += SLOTS) {
    kept_values[row * K + i] = spare[2u * row * K + i];
    kept_ids[row * K + i] = spare[2u * row * K + K + i];
  }
  if (slot == 0u) {
    counts[row] = count;
    atomicStore(&offers[row], 0u);
  }
  workgroupBarrier();
  return true;
}

// Of finite logits: sum of exp(logit - largest); a sum of 0 says that there was none. `broken`: 1 where one was no number or +infinity.
struct Mass { largest: f32, sum: f32, broken: u32 }

fn mass_of(logit: f32) -> Mass {
  let bits = bitcast<u32>(logit);
  let is_finite = (bits & 0x7f800000u) != 0x7f800000u;
  let is_harmless = is_finite || bits == 0xff800000u;
  return Mass(logit, select(0.0f, 1.0f, is_finite), select(1u, 0u, is_harmless));
}

fn add_masses(a: Mass, b: Mass) -> Mass {
  let broken = a.broken | b.broken;
  if (b.sum == 0.0f) { return Mass(a.largest, a.sum, broken); }
  if (a.sum == 0.0f) { return Mass(b.largest, b.sum, broken); }
  let largest = max(a.largest, b.largest);
  return Mass(largest, a.sum * exp(a.largest - largest) + b.sum * exp(b.largest - largest), broken);
}

// Of all threads of a row; called by all threads.
fn row_mass(thread: u32, own: Mass) -> Mass {
  var mass = own;
  for (var half = SLOTS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    spare[thread] = bitcast<u32>(mass.largest);
    spare[THREADS + thread] = bitcast<u32>(mass.sum);
    spare[2u * THREADS + thread] = mass.broken;
    workgroupBarrier();
    if (thread % SLOTS < half) {
      let other = thread + half;
      mass = add_masses(mass, Mass(bitcast<f32>(spare[other]), bitcast<f32>(spare[THREADS + other]), spare[2u * THREADS + other]));
    }
  }
  return mass;
}
