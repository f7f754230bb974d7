/* base_cpu.h - what the processor can do. */
#ifndef RTVI_BASE_CPU_H
#define RTVI_BASE_CPU_H

#include <stddef.h>
#include <stdint.h>

/* The best RTV_ISA_* of this processor and operating system. */
int32_t rtvi_cpu_isa(void);
/* Asks the operating system for the tiles of AMX, for this process: 0 when it may not use them. */
int rtvi_cpu_take_tiles(void);
/* Processors that this process may use (its affinity mask), at least 1. */
int32_t rtvi_cpu_count(void);
void rtvi_cpu_name(char *name, size_t capacity);

#endif
