// Runs the tile instructions of AMX on processors that lack them, so that tests can run kernels
// which use them: a handler of SIGILL decodes the instruction at the faulting address, does its
// work on eight tile registers of the thread, and steps over it. Loaded with LD_PRELOAD it also
// makes ntm_fast offer its level "amx" (csrc/ops/cpu_level.cpp). Semantics: Intel 64 and IA-32
// Architectures Software Developer's Manual, volume 2, LDTILECFG to TILEZERO.
#define _GNU_SOURCE
#include <immintrin.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

const int ntm_fast_emulates_amx = 1;

enum { TILES = 8, ROWS = 16, ROW_BYTES = 64 };
enum { PREFIX_NONE, PREFIX_66, PREFIX_F3, PREFIX_F2 };

typedef struct {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} Config;

static __thread Config config;
static __thread uint8_t tiles[TILES][ROWS][ROW_BYTES];
static struct sigaction previous;
static long products;

// How many TDPBF16PS were emulated so far.
long amx_emulator_products(void) { return __atomic_load_n(&products, __ATOMIC_RELAXED); }

static void fail(const char* why) {
  fprintf(stderr, "amx_emulator: %s\n", why);
  abort();
}

static void check_tile(int tile) {
  if (config.palette != 1) fail("tiles are not configured on this thread");
  if (config.rows[tile] == 0 || config.row_bytes[tile] == 0) fail("tile is not configured");
}

static void load_config(const void* from) {
  memcpy(&config, from, sizeof config);
  if (config.palette > 1) fail("LDTILECFG: no such palette");
  for (int i = 0; i < 14; ++i)
    if (config.reserved[i]) fail("LDTILECFG: reserved bytes are not zero");
  for (int i = 0; i < 16; ++i) {
    const int rows = config.rows[i], bytes = config.row_bytes[i];
    if (rows > (i < TILES ? ROWS : 0) || bytes > (i < TILES ? ROW_BYTES : 0) || bytes % 4 ||
        !rows != !bytes)
      fail("LDTILECFG: shape of a tile");
  }
  memset(tiles, 0, sizeof tiles);
}

// Half `which` of each pair of bfloat16 in a row.
static void widen(const uint8_t* row, int which, float* to) {
  uint32_t pairs[ROW_BYTES / 4];
  memcpy(pairs, row, ROW_BYTES);
  for (int i = 0; i < ROW_BYTES / 4; ++i) pairs[i] = which ? pairs[i] & 0xFFFF0000 : pairs[i] << 16;
  memcpy(to, pairs, ROW_BYTES);
}

// C += A B in pairs of bfloat16
static void multiply(int c, int a, int b) {
  check_tile(a), check_tile(b), check_tile(c);
  if (a == b || a == c || b == c) fail("TDPBF16PS: two operands are one tile");
  const int depth = config.row_bytes[a] / 4, columns = config.row_bytes[c] / 4;
  if (config.rows[a] != config.rows[c] || config.rows[b] != depth ||
      config.row_bytes[b] != config.row_bytes[c])
    fail("TDPBF16PS: shapes do not match");
  // Denormal operands and results count as zero; restored when the handler returns.
  _mm_setcsr(_mm_getcsr() | _MM_FLUSH_ZERO_ON | _MM_DENORMALS_ZERO_ON);
  for (int row = 0; row < config.rows[c]; ++row) {
    float sums[2][ROW_BYTES / 4] = {{0}}, left[ROW_BYTES / 4], right[ROW_BYTES / 4];
    for (int half = 0; half < 2; ++half) {
      widen(tiles[a][row], half, left);
      for (int k = 0; k < depth; ++k) {
        widen(tiles[b][k], half, right);
        for (int i = 0; i < columns; ++i) sums[half][i] = fmaf(left[k], right[i], sums[half][i]);
      }
    }
    float result[ROW_BYTES / 4];
    memcpy(result, tiles[c][row], ROW_BYTES);
    for (int i = 0; i < columns; ++i) result[i] += sums[0][i] + sums[1][i];
    memcpy(tiles[c][row], result, ROW_BYTES);
  }
  __atomic_fetch_add(&products, 1, __ATOMIC_RELAXED);
}

static int64_t read_register(const ucontext_t* context, int number) {
  static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                REG_R12, REG_R13, REG_R14, REG_R15};
  return context->uc_mcontext.gregs[order[number]];
}

typedef struct {
  const uint8_t* next;  // of the instruction that follows
  uint8_t* address;
  int64_t stride;
} Operand;

// The memory operand whose ModRM byte is at `at`.
static Operand memory_operand(const ucontext_t* context, const uint8_t* at, int high_index,
                              int high_base) {
  const int mode = at[0] >> 6, low = at[0] & 7;
  const uint8_t* next = at + 1;
  Operand result = {0, 0, 0};
  int64_t address = 0;
  int wide = mode == 2;  // 32 bits of displacement
  if (low == 4) {
    const uint8_t sib = *next++;
    const int index = (sib >> 3 & 7) | high_index << 3, base = sib & 7;
    if (index != 4) result.stride = read_register(context, index) * (1 << (sib >> 6));
    if (base == 5 && mode == 0) wide = 1;
    else address = read_register(context, base | high_base << 3);
  } else if (low == 5 && mode == 0) {
    wide = 1;
    address = (int64_t)(next + 4);  // relative to the next instruction
  } else {
    address = read_register(context, low | high_base << 3);
  }
  if (wide) {
    int32_t displacement;
    memcpy(&displacement, next, 4);
    address += displacement, next += 4;
  } else if (mode == 1) {
    address += (int8_t)*next++;
  }
  result.next = next;
  result.address = (uint8_t*)address;
  return result;
}

static void move_rows(int tile, Operand memory, int store) {
  check_tile(tile);
  const int bytes = config.row_bytes[tile];
  if (!store) memset(tiles[tile], 0, sizeof tiles[tile]);
  for (int row = 0; row < config.rows[tile]; ++row) {
    uint8_t* place = memory.address + row * memory.stride;
    if (store) memcpy(place, tiles[tile][row], bytes);
    else memcpy(tiles[tile][row], place, bytes);
  }
}

// Does the tile instruction at `at`; null if it is none, else where the next one begins.
static const uint8_t* emulate(const ucontext_t* context, const uint8_t* at) {
  if (at[0] != 0xC4 || (at[1] & 0x1F) != 2 || (at[2] & 0x84)) return 0;  // VEX.128.0F38.W0
  const int prefix = at[2] & 3, code = at[3], mode = at[4] >> 6, tile = at[4] >> 3 & 7;
  const int third = ~(at[2] >> 3) & 0xF;
  if (code == 0x5C && mode == 3 && prefix == PREFIX_F3) {
    multiply(tile, at[4] & 7, third);
    return at + 5;
  }
  if (code == 0x49 && mode == 3 && prefix == PREFIX_F2) {
    check_tile(tile);
    memset(tiles[tile], 0, sizeof tiles[tile]);
    return at + 5;
  }
  if (code == 0x49 && at[4] == 0xC0 && prefix == PREFIX_NONE) {
    memset(&config, 0, sizeof config);
    return at + 5;
  }
  if (mode == 3 || (code != 0x49 && code != 0x4B)) return 0;
  const Operand memory = memory_operand(context, at + 4, !(at[1] & 0x40), !(at[1] & 0x20));
  if (code == 0x49 && prefix == PREFIX_NONE) load_config(memory.address);
  else if (code == 0x49 && prefix == PREFIX_66) memcpy(memory.address, &config, sizeof config);
  else if (code == 0x4B && (prefix == PREFIX_F2 || prefix == PREFIX_66)) move_rows(tile, memory, 0);
  else if (code == 0x4B && prefix == PREFIX_F3) move_rows(tile, memory, 1);
  else return 0;
  return memory.next;
}

static void handle(int signal, siginfo_t* info, void* raw) {
  ucontext_t* context = raw;
  greg_t* counter = &context->uc_mcontext.gregs[REG_RIP];
  const uint8_t* next = emulate(context, (const uint8_t*)*counter);
  if (next) {
    *counter = (greg_t)next;
  } else if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal, info, raw);
  } else {
    sigaction(SIGILL, &previous, 0);  // and the instruction faults again
  }
}

__attribute__((constructor)) static void install(void) {
  struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
  sigaction(SIGILL, &action, &previous);
}
