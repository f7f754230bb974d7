/* api_runtime.c - runtime.h, version.h and status.h. */
#include <string.h>

#include "api/api_handles.h"
#include "base/base_cpu.h"
#include "exec/exec_onednn.h"

enum { MAX_THREADS = 1024 };

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

int32_t rtv_version(void) { return RTV_VERSION; }
int32_t rtv_abi_version(void) { return RTV_ABI_VERSION; }

const char *rtv_status_name(int32_t status) {
    static const char *const names[] = {
        "RTV_OK",
        "RTV_E_INVALID_ARGUMENT",
        "RTV_E_OUT_OF_MEMORY",
        "RTV_E_IO",
        "RTV_E_FORMAT",
        "RTV_E_UNSUPPORTED",
        "RTV_E_LIMIT",
        "RTV_E_MISMATCH",
        "RTV_E_NOT_FOUND",
        "RTV_E_EXISTS",
        "RTV_E_CHECKSUM",
        "RTV_E_BUFFER_TOO_SMALL",
        "RTV_E_CANCELLED",
        "RTV_E_BUSY",
        "RTV_E_FORKED",
        "RTV_E_CALLBACK",
        "RTV_E_STATE",
        "RTV_E_INTERNAL",
    };
    if (status > 0 || status < RTV_E_INTERNAL) return "RTV_E_?";
    return names[-status];
}

const char *rtv_isa_name(int32_t isa) {
    switch (isa) {
        case RTV_ISA_SCALAR:
            return "plain C";
        case RTV_ISA_AVX2:
            return "AVX2";
        case RTV_ISA_AVX512:
            return "AVX-512";
        case RTV_ISA_AVX512_VNNI:
            return "AVX-512 VNNI";
        case RTV_ISA_AMX:
            return "AMX";
        case RTV_ISA_ANY:
            return "any";
        default:
            return "?";
    }
}

const char *rtv_build_info(void) {
    return "libretrieve " TEXT(RTV_VERSION_MAJOR) "." TEXT(RTV_VERSION_MINOR) "." TEXT(RTV_VERSION_PATCH) ", ABI " TEXT(RTV_ABI_VERSION)
#ifdef RTV_WITH_ONEDNN
        ", oneDNN " RTV_ONEDNN_VERSION
#else
        ", without oneDNN"
#endif
        ", libjpeg " RTV_JPEG_VERSION ", libpng " RTV_PNG_VERSION
#ifdef __VERSION__
        ", compiler " __VERSION__
#endif
        ;
}

int32_t rtv_cpu_info_get(rtv_cpu_info *info, rtv_error *error) {
    rtv_cpu_info own;
    RTVI_ENTER(error);
    RTVI_REQUIRE(info, error, "info is NULL");
    memset(&own, 0, sizeof own);
    own.isa = rtvi_cpu_isa();
    own.int8_exact = own.isa >= RTV_ISA_AVX512_VNNI;
    own.int8_fast = own.isa >= RTV_ISA_AVX2;
    own.processors = rtvi_cpu_count();
    rtvi_cpu_name(own.name, sizeof own.name);
    return rtvi_api_info(info, &own, sizeof own, "rtv_cpu_info", error);
}

void rtv_runtime_options_init_sized(rtv_runtime_options *options, uint32_t struct_size) {
    rtv_runtime_options defaults;
    memset(&defaults, 0, sizeof defaults);
    defaults.threads = rtvi_cpu_count() < MAX_THREADS ? rtvi_cpu_count() : MAX_THREADS;
    defaults.max_isa = RTV_ISA_ANY;
    defaults.onednn_quiet = 1;
    defaults.log_level = RTV_LOG_WARNING;
    rtvi_api_init(options, struct_size, &defaults, sizeof defaults);
}

static int32_t check_options(const rtv_runtime_options *options, rtv_error *error) {
    if (options->threads < 1 || options->threads > MAX_THREADS)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: threads: got %d, expected 1..%d", options->threads, MAX_THREADS);
    if (strcmp(rtv_isa_name(options->max_isa), "?") == 0)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: max_isa: got %d, expected an RTV_ISA_*", options->max_isa);
    if (options->onednn_quiet < 0 || options->onednn_quiet > 1)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: onednn_quiet: got %d, expected 0 or 1", options->onednn_quiet);
    if (options->log_level < RTV_LOG_ERROR || options->log_level > RTV_LOG_DEBUG)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: log_level: got %d, expected an RTV_LOG_*", options->log_level);
    RTVI_REQUIRE(!options->allocator || (options->allocator->allocate && options->allocator->release), error,
                 "allocator lacks allocate or release");
    return RTV_OK;
}

int32_t rtv_runtime_create(const rtv_runtime_options *given, rtv_runtime **out, rtv_error *error) {
    rtv_runtime_options options;
    rtv_runtime *runtime;
    rtvi_env env;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(out, error, "runtime is NULL");
    rtv_runtime_options_init(&options);
    status = rtvi_api_options(&options, sizeof options, given, "rtv_runtime_options", error);
    if (status == RTV_OK) status = check_options(&options, error);
    if (status == RTV_OK) status = rtvi_exec_onednn_configure(options.max_isa, options.onednn_quiet, error);
    if (status != RTV_OK) return status;
    rtvi_env_init(&env, options.allocator, options.max_isa);
    runtime = rtvi_alloc_zero(&env, 1, sizeof *runtime);
    rtvi_env_destroy(&env);
    if (!runtime) return rtvi_error_out_of_memory(error, "runtime", sizeof *runtime);
    atomic_init(&runtime->references, 1);
    rtvi_env_init(&runtime->env, options.allocator, options.max_isa);
    runtime->env.log = options.log;
    runtime->env.log_user = options.log_user;
    runtime->env.log_level = options.log_level;
    status = rtvi_team_create(&runtime->env, options.threads, &runtime->team, error);
    if (status != RTV_OK) {
        rtv_runtime_free(runtime);
        return status;
    }
    *out = runtime;
    return RTV_OK;
}

void rtv_runtime_free(rtv_runtime *runtime) {
    rtvi_env env;
    if (!runtime || atomic_fetch_sub(&runtime->references, 1) != 1) return;
    rtvi_team_destroy(runtime->team);
    env = runtime->env; /* the block goes back to the allocator it came from */
    rtvi_env_destroy(&runtime->env);
    rtvi_free(&env, runtime);
}

int32_t rtvi_runtime_take(rtv_runtime *given, rtv_runtime **runtime, rtv_error *error) {
    if (!given) return rtv_runtime_create(NULL, runtime, error);
    atomic_fetch_add(&given->references, 1);
    *runtime = given;
    return RTV_OK;
}
