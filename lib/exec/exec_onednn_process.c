/* exec_onednn_process.c - the settings of oneDNN that hold for the whole process. */
#include <dnnl.h>

#include <retrieve/runtime.h>

#include "exec/exec_onednn.h"

int32_t rtvi_exec_onednn_configure(int32_t max_isa, int32_t quiet, rtv_error *error) {
    dnnl_cpu_isa_t wanted = max_isa >= RTV_ISA_AMX           ? dnnl_cpu_isa_avx512_core_amx
                            : max_isa >= RTV_ISA_AVX512_VNNI ? dnnl_cpu_isa_avx512_core_vnni
                            : max_isa >= RTV_ISA_AVX512      ? dnnl_cpu_isa_avx512_core
                            : max_isa >= RTV_ISA_AVX2        ? dnnl_cpu_isa_avx2
                                                             : dnnl_cpu_isa_sse41; /* oneDNN's smallest */
    if (quiet) dnnl_set_verbose(0);
    if (max_isa >= RTV_ISA_ANY) return rtvi_error_clear(error);
    if (dnnl_set_max_cpu_isa(wanted) != dnnl_success && dnnl_get_effective_cpu_isa() > wanted)
        return rtvi_error_set(error, RTV_E_STATE,
                              "runtime: max_isa: oneDNN already runs uncapped in this process, expected the cap before its first use");
    return rtvi_error_clear(error);
}
