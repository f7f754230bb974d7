/* base_cpu.c - what the processor can do. */
#include "base/base_cpu.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <retrieve/runtime.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>

#if defined(__linux__) && defined(SYS_arch_prctl)
enum { GET_SUPPORTED = 0x1021, GET_PERMITTED = 0x1022, REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* <asm/prctl.h> of Linux 5.16 */

/* Of the processor and the system; whether the process may use them is another question. */
static int has_tiles(void) {
    const unsigned wanted = 1u << 22 | 1u << 24 | 1u << 25; /* BF16, tiles, int8 */
    uint64_t supported = 0;
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & wanted) != wanted) return 0;
    return syscall(SYS_arch_prctl, GET_SUPPORTED, &supported) == 0 && (supported >> TILE_DATA & 1) != 0;
}

int rtvi_cpu_take_tiles(void) {
    uint64_t permitted = 0;
    if (syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) != 0) return 0;
    return syscall(SYS_arch_prctl, GET_PERMITTED, &permitted) == 0 && (permitted >> TILE_DATA & 1) != 0;
}
#else
static int has_tiles(void) { return 0; }
int rtvi_cpu_take_tiles(void) { return 0; }
#endif

static int32_t detect_isa(void) {
    unsigned a, b, c, d;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return RTV_ISA_SCALAR;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_F16C)) return RTV_ISA_SCALAR;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return RTV_ISA_AVX2;
    if (!__builtin_cpu_supports("avx512vnni")) return RTV_ISA_AVX512;
    return has_tiles() ? RTV_ISA_AMX : RTV_ISA_AVX512_VNNI;
}

/* Asked once: in a virtual machine each cpuid instruction is a trap of up to half a millisecond. */
int32_t rtvi_cpu_isa(void) {
    static _Atomic int32_t known;
    int32_t isa = known;
    if (isa == 0) known = isa = detect_isa();
    return isa;
}

void rtvi_cpu_name(char *name, size_t capacity) {
    unsigned words[13] = {0}; /* three leaves of four words, and a NUL */
    const char *text = (const char *)words;
    if ((unsigned)__get_cpuid_max(0x80000000u, NULL) >= 0x80000004u)
        for (unsigned i = 0; i < 3; i++)
            __get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]);
    while (*text == ' ') text++;
    snprintf(name, capacity, "%s", *text ? text : "x86-64");
}
#else
int32_t rtvi_cpu_isa(void) { return RTV_ISA_SCALAR; }
int rtvi_cpu_take_tiles(void) { return 0; }

void rtvi_cpu_name(char *name, size_t capacity) {
#if defined(__aarch64__)
    snprintf(name, capacity, "arm64");
#else
    snprintf(name, capacity, "unknown");
#endif
}
#endif

int32_t rtvi_cpu_count(void) {
#if defined(__linux__)
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
    {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        return online > 0 ? (int32_t)online : 1;
    }
}
