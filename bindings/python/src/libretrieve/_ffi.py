"""What ctypes has to know of the public headers. Written by make_ffi.py from include/retrieve; not by hand."""

from ctypes import CFUNCTYPE, Structure
from ctypes import c_char, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p

RTV_OK = 0
RTV_E_INVALID_ARGUMENT = -1
RTV_E_OUT_OF_MEMORY = -2
RTV_E_IO = -3
RTV_E_FORMAT = -4
RTV_E_UNSUPPORTED = -5
RTV_E_LIMIT = -6
RTV_E_MISMATCH = -7
RTV_E_NOT_FOUND = -8
RTV_E_EXISTS = -9
RTV_E_CHECKSUM = -10
RTV_E_BUFFER_TOO_SMALL = -11
RTV_E_CANCELLED = -12
RTV_E_BUSY = -13
RTV_E_FORKED = -14
RTV_E_CALLBACK = -15
RTV_E_STATE = -16
RTV_E_INTERNAL = -17
RTV_PICTURE_PATH = 1
RTV_PICTURE_ENCODED = 2
RTV_PICTURE_PIXELS = 3
RTV_PICTURE_TENSOR = 4
RTV_PIXEL_RGB8 = 1
RTV_PIXEL_BGR8 = 2
RTV_PIXEL_RGBA8 = 3
RTV_PIXEL_BGRA8 = 4
RTV_PIXEL_GRAY8 = 5
RTV_LOG_ERROR = 0
RTV_LOG_WARNING = 1
RTV_LOG_INFO = 2
RTV_LOG_DEBUG = 3
RTV_ISA_SCALAR = 10
RTV_ISA_AVX2 = 20
RTV_ISA_AVX512 = 30
RTV_ISA_AVX512_VNNI = 40
RTV_ISA_AMX = 50
RTV_ISA_ANY = 1000
RTV_FINGERPRINT_CHARS = 64
RTV_EXECUTOR_AUTO = 0
RTV_EXECUTOR_REFERENCE = 1
RTV_EXECUTOR_ONEDNN = 2
RTV_RESIZE_SQUASH = 1
RTV_RESIZE_CENTER_CROP = 2
RTV_RESIZE_LETTERBOX = 3
RTV_STORE_FLOAT32 = 1
RTV_STORE_FLOAT16 = 2
RTV_MODE_AUTO = 0
RTV_MODE_LATENCY = 1
RTV_MODE_THROUGHPUT = 2
RTV_AS_ELSEWHERE = -1
RTV_PRESET_MIXED = 0
RTV_PRESET_PERFORMANCE = 1
RTV_ESTIMATOR_MEAN_MIN_MAX = 0
RTV_ESTIMATOR_MIN_MAX = 1
RTV_ESTIMATOR_MEDIAN = 2
RTV_ESTIMATOR_QUANTILE = 3
RTV_ESTIMATOR_NO_OUTLIERS = 4
RTV_ESTIMATOR_SQUARED_ERROR = 5
RTV_WEIGHTS_COMPENSATED = 0
RTV_WEIGHTS_PAIR_SAFE = 1
RTV_WEIGHTS_HALF_RANGE = 2
RTV_WEIGHTS_NEAREST = 3
RTV_BIAS_NONE = 0
RTV_BIAS_FAST = 1
RTV_BIAS_FULL = 2
RTV_SCOPE_NAME = 0
RTV_SCOPE_REGEX = 1
RTV_SCOPE_OP = 2
RTV_SCOPE_SUBGRAPH = 3
RTV_SCOPE_REVERTED = 4
RTV_SIMULATE_CODES = 0
RTV_SIMULATE_CHANNEL_SYMMETRIC = 1
RTV_SIMULATE_TENSOR_SYMMETRIC = 2
RTV_SIMULATE_CHANNEL_ASYMMETRIC = 3
RTV_SIMULATE_TENSOR_ASYMMETRIC = 4
RTV_ACCURACY_VALUES_MAX = 16
RTV_ACCURACY_FLOAT = 0
RTV_ACCURACY_INT8 = 1
RTV_ACCURACY_REVERT = 2
RTV_ACCURACY_RESTORE = 3
RTV_ACCURACY_KEEP = 4
RTV_DATASET_SOP = 1
RTV_DATASET_CUB = 2
RTV_DATASET_CARS = 3
RTV_DATASET_INSHOP = 4
RTV_DATASET_CSV = 5
RTV_SPLIT_NONE = 0
RTV_SPLIT_TRAIN = 1
RTV_SPLIT_TEST = 2
RTV_SPLIT_QUERY = 3
RTV_SPLIT_GALLERY = 4
RTV_DRIFT_KS_MAX = 16
RTV_PAYLOAD_MAX = 65536
RTV_ACCEPT_OWN = 0
RTV_ACCEPT_ANY = 1
RTV_ACCEPT_PARENTS = 2
RTV_STORAGE_FLOAT32 = 1
RTV_STORAGE_FLOAT16 = 2
RTV_STORAGE_INT8 = 3
RTV_CLASSES_LABEL = 1
RTV_CLASSES_PREDICTED = 2
RTV_EVALUATION_KS_MAX = 64
RTV_METRIC_RECALL = 1
RTV_METRIC_PRECISION = 2
RTV_METRIC_R_PRECISION = 3
RTV_METRIC_MAP_AT_R = 4
RTV_METRIC_MAP = 5
RTV_METRIC_MRR = 6
RTV_RULE_MISS = 1
RTV_RULE_LEFT_OUT = 2
RTV_SCORES_NEAREST_SAME = 1
RTV_SCORES_NEAREST_OTHER = 2
RTV_SCORES_PAIRS_SAME = 3
RTV_SCORES_PAIRS_OTHER = 4
RTV_REDUCE_PCA = 1
RTV_REDUCE_TRUNCATE = 2
RTV_PREDICTED_OWN = -2
RTV_VECTORS_NPY = 1
RTV_VECTORS_FVECS = 2
RTV_VECTORS_IVECS = 3
RTV_VECTORS_FAISS = 4
RTV_VECTORS_CGD = 5
RTV_VERSION_MAJOR = 0
RTV_VERSION_MINOR = 1
RTV_VERSION_PATCH = 0
RTV_VERSION = 100
RTV_ABI_VERSION = 1


class rtv_error(Structure):
    _fields_ = [
        ("status", c_int32),
        ("os_error", c_int32),
        ("byte_offset", c_int64),
        ("message", c_char * 496),
    ]


class rtv_picture(Structure):
    _fields_ = [
        ("kind", c_int32),
        ("pixel_format", c_int32),
        ("width_px", c_int32),
        ("height_px", c_int32),
        ("stride_bytes", c_int64),
        ("size_bytes", c_uint64),
        ("path", c_char_p),
        ("data", c_void_p),
        ("reserved", c_uint64 * 4),
    ]


rtv_decode_fn = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_uint64, c_void_p, c_void_p, c_void_p)


class rtv_allocator(Structure):
    _fields_ = [
        ("user", c_void_p),
        ("allocate", c_void_p),
        ("release", c_void_p),
    ]


rtv_log_fn = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)

rtv_progress_fn = CFUNCTYPE(c_int32, c_void_p, c_int64, c_int64)


class rtv_runtime_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("threads", c_int32),
        ("max_isa", c_int32),
        ("onednn_quiet", c_int32),
        ("allocator", c_void_p),
        ("log", rtv_log_fn),
        ("log_user", c_void_p),
        ("log_level", c_int32),
        ("reserved", c_int32),
    ]


class rtv_cpu_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("isa", c_int32),
        ("int8_exact", c_int32),
        ("int8_fast", c_int32),
        ("processors", c_int32),
        ("name", c_char * 60),
    ]


class rtv_model_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("executor", c_int32),
        ("borrow_bytes", c_int32),
        ("reserved", c_int32),
        ("max_pixels", c_uint64),
        ("max_picture_bytes", c_uint64),
        ("decode", rtv_decode_fn),
        ("decode_user", c_void_p),
    ]


class rtv_import_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("architecture", c_char_p),
        ("descriptors", c_char_p),
        ("input_width", c_int32),
        ("input_height", c_int32),
        ("layer3_stride", c_int32),
        ("resize", c_int32),
        ("resize_shorter", c_int32),
        ("letterbox_value", c_int32),
        ("apply_exif", c_int32),
        ("fast_decode", c_int32),
        ("mean", c_float * 3),
        ("std", c_float * 3),
        ("store", c_int32),
        ("reserved", c_int32),
        ("name", c_char_p),
        ("class_names", c_void_p),
        ("num_class_names", c_int64),
    ]


class rtv_model_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("descriptor_dim", c_int32),
        ("input_width", c_int32),
        ("input_height", c_int32),
        ("executor", c_int32),
        ("reserved", c_int32),
        ("num_classes", c_int64),
        ("num_parameters", c_int64),
        ("weights_bytes", c_int64),
        ("resident_bytes", c_int64),
        ("activation_bytes", c_int64),
        ("macs", c_double),
        ("name", c_char * 64),
        ("architecture", c_char * 32),
        ("descriptors", c_char * 16),
        ("preprocessing", c_char * 224),
        ("fingerprint", c_char * 72),
        ("parent", c_char * 72),
        ("calibration_pictures", c_int64),
    ]


class rtv_layer_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_int32),
        ("macs", c_double),
        ("milliseconds", c_double),
        ("name", c_char * 96),
        ("op", c_char * 24),
        ("kernel", c_char * 64),
        ("precision", c_char * 16),
        ("shape", c_char * 40),
        ("scale", c_float),
        ("zero_point", c_int32),
        ("output", c_char * 8),
    ]


class rtv_embed_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("mode", c_int32),
        ("progress", rtv_progress_fn),
        ("progress_user", c_void_p),
    ]


class rtv_embedding(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_int32),
        ("descriptors", c_void_p),
        ("statuses", c_void_p),
        ("errors", c_void_p),
        ("classes", c_void_p),
        ("class_scores", c_void_p),
    ]


class rtv_scope(Structure):
    _fields_ = [
        ("kind", c_int32),
        ("reserved", c_int32),
        ("text", c_char_p),
        ("to", c_char_p),
        ("reserved2", c_uint64 * 2),
    ]


class rtv_scope_settings(Structure):
    _fields_ = [
        ("scope", rtv_scope),
        ("preset", c_int32),
        ("estimator", c_int32),
        ("weights", c_int32),
        ("bias_correction", c_int32),
        ("reserved", c_int32 * 4),
    ]


class rtv_quantizer_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("preset", c_int32),
        ("estimator", c_int32),
        ("weights", c_int32),
        ("bias_correction", c_int32),
        ("equalize", c_int32),
        ("quantize_auxiliary", c_int32),
        ("drop_auxiliary", c_int32),
        ("relaxed_scopes", c_int32),
        ("reserved", c_int32),
        ("moment_samples", c_int64),
        ("max_samples", c_int64),
        ("ignored", c_void_p),
        ("num_ignored", c_int64),
        ("overrides", c_void_p),
        ("num_overrides", c_int64),
        ("json", c_char_p),
        ("progress", rtv_progress_fn),
        ("progress_user", c_void_p),
    ]


rtv_sample_fn = CFUNCTYPE(c_int32, c_void_p, c_int64, c_void_p)


class rtv_quantized_layer(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("zero_point", c_int32),
        ("scale", c_float),
        ("reserved", c_int32),
        ("pairs_mended", c_int64),
        ("weight_snr_db", c_double),
        ("name", c_char * 96),
        ("op", c_char * 24),
        ("precision", c_char * 16),
        ("output", c_char * 8),
        ("why", c_char * 136),
    ]


class rtv_simulate_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("weights", c_int32),
        ("bits", c_int32),
        ("reserved", c_int32),
        ("parent", c_void_p),
    ]


rtv_metric_fn = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p, c_int64)


class rtv_accuracy_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_int32),
        ("max_layers", c_int64),
        ("max_drop", c_double),
        ("pictures", c_void_p),
        ("classes", c_void_p),
        ("count", c_int64),
        ("ranking_pictures", c_int64),
        ("ks", c_void_p),
        ("num_ks", c_int64),
        ("metric", rtv_metric_fn),
        ("metric_user", c_void_p),
        ("num_values", c_int64),
        ("progress", rtv_progress_fn),
        ("progress_user", c_void_p),
    ]


class rtv_accuracy_step(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("action", c_int32),
        ("drop", c_double),
        ("gain", c_double),
        ("float_share", c_double),
        ("layer_macs", c_double),
        ("values", c_double * 16),
        ("layer", c_char * 96),
    ]


class rtv_dataset_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_int32),
        ("num_classes", c_int64),
        ("count", c_int64),
        ("splits", c_int64 * 8),
    ]


class rtv_dataset_entry(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("class_id", c_int32),
        ("split", c_int32),
        ("listed_split", c_int32),
        ("path", c_char_p),
        ("has_box", c_int32),
        ("reserved", c_int32),
        ("box", c_double * 4),
    ]


class rtv_drift_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("mode", c_int32),
        ("classes", c_void_p),
        ("ks", c_void_p),
        ("num_ks", c_int64),
        ("layer_pictures", c_int64),
        ("progress", rtv_progress_fn),
        ("progress_user", c_void_p),
    ]


class rtv_drift_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("descriptor_dim", c_int32),
        ("num_pictures", c_int64),
        ("num_compared", c_int64),
        ("num_queries", c_int64),
        ("num_lone", c_int64),
        ("num_calibrated", c_int64),
        ("num_moved", c_int64),
        ("cosine_mean", c_double),
        ("cosine_min", c_double),
        ("cosine_1_percent", c_double),
        ("cosine_5_percent", c_double),
        ("cosine_median", c_double),
    ]


class rtv_recall_drift(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_int32),
        ("k", c_int64),
        ("recall_a", c_double),
        ("recall_b", c_double),
        ("recall_mixed", c_double),
        ("gained", c_int64),
        ("lost", c_int64),
        ("low", c_double),
        ("high", c_double),
        ("p_value", c_double),
        ("mixed_gained", c_int64),
        ("mixed_lost", c_int64),
        ("mixed_low", c_double),
        ("mixed_high", c_double),
        ("mixed_p_value", c_double),
    ]


class rtv_layer_drift(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_int32),
        ("signal", c_double),
        ("noise", c_double),
        ("snr_db", c_double),
        ("name", c_char * 96),
        ("op", c_char * 24),
        ("precision_a", c_char * 16),
        ("precision_b", c_char * 16),
    ]


class rtv_picture_drift(Structure):
    _fields_ = [
        ("status", c_int32),
        ("is_query", c_int32),
        ("rank_a", c_int32),
        ("rank_b", c_int32),
        ("rank_mixed", c_int32),
        ("is_calibrated", c_int32),
        ("nearest_a", c_int64),
        ("nearest_b", c_int64),
        ("nearest_mixed", c_int64),
        ("cosine", c_double),
    ]


class rtv_hit(Structure):
    _fields_ = [
        ("id", c_int64),
        ("score", c_float),
        ("class_id", c_int32),
    ]


class rtv_index_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("dim", c_int32),
        ("storage", c_int32),
        ("normalize", c_int32),
        ("model", c_void_p),
    ]


class rtv_bytes(Structure):
    _fields_ = [
        ("data", c_void_p),
        ("size_bytes", c_uint64),
    ]


class rtv_items(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_int32),
        ("vectors", c_void_p),
        ("ids", c_void_p),
        ("keys", c_void_p),
        ("classes", c_void_p),
        ("predicted", c_void_p),
        ("payloads", c_void_p),
    ]


class rtv_index_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("dim", c_int32),
        ("count", c_int64),
        ("memory_bytes", c_int64),
        ("num_classes", c_int64),
        ("num_predicted", c_int64),
        ("format", c_int32),
        ("has_classes", c_int32),
        ("has_predicted", c_int32),
        ("kept_dim", c_int32),
        ("fingerprint", c_char * 72),
        ("model_name", c_char * 64),
        ("storage", c_int32),
        ("normalize", c_int32),
        ("writable", c_int32),
        ("min_score", c_float),
        ("num_segments", c_int64),
        ("num_removed", c_int64),
        ("file_bytes", c_int64),
        ("reclaim_bytes", c_int64),
        ("uncommitted", c_int64),
        ("commits", c_int64),
    ]


class rtv_item(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("class_id", c_int32),
        ("predicted_class", c_int32),
        ("reserved", c_int32),
        ("id", c_int64),
        ("key", c_char_p),
        ("key_bytes", c_uint64),
        ("payload", rtv_bytes),
        ("vector", c_void_p),
    ]


rtv_visit_fn = CFUNCTYPE(c_int32, c_void_p, c_void_p)

rtv_filter_fn = CFUNCTYPE(c_int32, c_void_p, c_int64, c_void_p)


class rtv_search_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("class_id", c_int32),
        ("predicted_class", c_int32),
        ("min_score", c_float),
        ("exclude_ids", c_void_p),
        ("mode", c_int32),
        ("reserved", c_int32),
        ("progress", rtv_progress_fn),
        ("progress_user", c_void_p),
        ("only_ids", c_void_p),
        ("num_only_ids", c_int64),
        ("only_bits", c_void_p),
        ("num_only_bits", c_int64),
        ("filter", rtv_filter_fn),
        ("filter_user", c_void_p),
    ]


class rtv_blend(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("keep_length", c_int32),
        ("vectors", c_void_p),
        ("vector_weights", c_void_p),
        ("num_vectors", c_int64),
        ("ids", c_void_p),
        ("id_weights", c_void_p),
        ("num_ids", c_int64),
        ("keep_items", c_int32),
        ("reserved", c_int32),
    ]


rtv_hits_fn = CFUNCTYPE(c_int32, c_void_p, c_int64, c_void_p, c_int64)


class rtv_pair(Structure):
    _fields_ = [
        ("a", c_int64),
        ("b", c_int64),
        ("score", c_float),
        ("reserved", c_int32),
    ]


rtv_pairs_fn = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_int64)


class rtv_evaluation_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("accept", c_int32),
        ("ks", c_void_p),
        ("num_ks", c_int64),
        ("predicted", c_int32),
        ("reserved", c_int32),
        ("bootstrap_samples", c_int64),
        ("score_queries", c_int64),
        ("confidence", c_double),
        ("seed", c_uint64),
        ("progress", rtv_progress_fn),
        ("progress_user", c_void_p),
    ]


class rtv_evaluation_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("leave_one_out", c_int32),
        ("num_gallery", c_int64),
        ("num_queries", c_int64),
        ("num_answerable", c_int64),
        ("num_unlabelled", c_int64),
        ("num_classes", c_int64),
        ("num_score_queries", c_int64),
        ("ks", c_void_p),
        ("num_ks", c_int64),
        ("bootstrap_samples", c_int64),
        ("predicted", c_int32),
        ("reserved", c_int32),
        ("confidence", c_double),
        ("seed", c_uint64),
    ]


class rtv_metric_value(Structure):
    _fields_ = [
        ("value", c_double),
        ("low", c_double),
        ("high", c_double),
    ]


class rtv_class_count(Structure):
    _fields_ = [
        ("class_id", c_int32),
        ("reserved", c_int32),
        ("num_queries", c_int64),
        ("num_answerable", c_int64),
    ]


class rtv_query_result(Structure):
    _fields_ = [
        ("id", c_int64),
        ("num_relevant", c_int64),
        ("first_rank", c_int64),
        ("average_precision", c_double),
        ("class_id", c_int32),
        ("reserved", c_int32),
    ]


class rtv_threshold(Structure):
    _fields_ = [
        ("min_score", c_float),
        ("reserved", c_int32),
        ("false_accept_rate", c_double),
        ("false_reject_rate", c_double),
    ]


class rtv_reduce_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("method", c_int32),
        ("kept_dim", c_int32),
        ("whiten", c_int32),
        ("normalize", c_int32),
        ("storage", c_int32),
        ("fit_items", c_int64),
        ("like", c_void_p),
        ("progress", rtv_progress_fn),
        ("progress_user", c_void_p),
    ]


class rtv_reduction_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("method", c_int32),
        ("dim", c_int32),
        ("kept_dim", c_int32),
        ("whiten", c_int32),
        ("normalize", c_int32),
        ("variance", c_double),
        ("fit_items", c_int64),
    ]


class rtv_vectors_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("kind", c_int32),
        ("dim", c_int64),
        ("count", c_int64),
        ("has_ids", c_int32),
        ("has_keys", c_int32),
        ("has_classes", c_int32),
        ("reserved", c_int32),
    ]


STRUCTS = (
    rtv_error,
    rtv_picture,
    rtv_allocator,
    rtv_runtime_options,
    rtv_cpu_info,
    rtv_model_options,
    rtv_import_options,
    rtv_model_info,
    rtv_layer_info,
    rtv_embed_options,
    rtv_embedding,
    rtv_scope,
    rtv_scope_settings,
    rtv_quantizer_options,
    rtv_quantized_layer,
    rtv_simulate_options,
    rtv_accuracy_options,
    rtv_accuracy_step,
    rtv_dataset_info,
    rtv_dataset_entry,
    rtv_drift_options,
    rtv_drift_info,
    rtv_recall_drift,
    rtv_layer_drift,
    rtv_picture_drift,
    rtv_hit,
    rtv_index_options,
    rtv_bytes,
    rtv_items,
    rtv_index_info,
    rtv_item,
    rtv_search_options,
    rtv_blend,
    rtv_pair,
    rtv_evaluation_options,
    rtv_evaluation_info,
    rtv_metric_value,
    rtv_class_count,
    rtv_query_result,
    rtv_threshold,
    rtv_reduce_options,
    rtv_reduction_info,
    rtv_vectors_info,
)

# name: result, arguments; a missing one is a function that the loaded library does not have yet
FUNCTIONS = {
    "rtv_abi_version": (c_int32, []),
    "rtv_accuracy_options_init_sized": (None, [c_void_p, c_uint32]),
    "rtv_build_info": (c_char_p, []),
    "rtv_cpu_info_get": (c_int32, [c_void_p, c_void_p]),
    "rtv_dataset_class_name": (c_char_p, [c_void_p, c_int32]),
    "rtv_dataset_entry_get": (c_int32, [c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_dataset_free": (None, [c_void_p]),
    "rtv_dataset_info_get": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rtv_dataset_read": (c_int32, [c_char_p, c_int32, c_void_p, c_void_p, c_void_p]),
    "rtv_drift_free": (None, [c_void_p]),
    "rtv_drift_info_get": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rtv_drift_layers": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_drift_measure": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_void_p, c_void_p, c_void_p]),
    "rtv_drift_options_init_sized": (None, [c_void_p, c_uint32]),
    "rtv_drift_picture_message": (c_char_p, [c_void_p, c_int64]),
    "rtv_drift_pictures": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_drift_recalls": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_embed_options_init_sized": (None, [c_void_p, c_uint32]),
    "rtv_evaluation_class_values": (c_int32, [c_void_p, c_int32, c_int64, c_int32, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_evaluation_classes": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_evaluation_create": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_evaluation_free": (None, [c_void_p]),
    "rtv_evaluation_hardest": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_evaluation_histogram": (c_int32, [c_void_p, c_int32, c_double, c_double, c_int64, c_void_p, c_void_p, c_void_p]),
    "rtv_evaluation_info_get": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rtv_evaluation_metric": (c_int32, [c_void_p, c_int32, c_int64, c_int32, c_void_p, c_void_p]),
    "rtv_evaluation_options_init_sized": (None, [c_void_p, c_uint32]),
    "rtv_evaluation_queries": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_evaluation_threshold": (c_int32, [c_void_p, c_double, c_void_p, c_void_p]),
    "rtv_import_options_init_sized": (None, [c_void_p, c_uint32]),
    "rtv_index_add": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p]),
    "rtv_index_class_id": (c_int32, [c_void_p, c_int32, c_char_p, c_void_p, c_void_p]),
    "rtv_index_class_name": (c_int32, [c_void_p, c_int32, c_int32, c_char_p, c_uint64, c_void_p, c_void_p]),
    "rtv_index_commit": (c_int32, [c_void_p, c_void_p]),
    "rtv_index_compact": (c_int32, [c_void_p, c_void_p]),
    "rtv_index_create": (c_int32, [c_int32, c_void_p, c_void_p, c_void_p]),
    "rtv_index_create_file": (c_int32, [c_char_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_index_create_for_model": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_index_create_with": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_index_export": (c_int32, [c_void_p, c_char_p, c_int32, c_int32, c_void_p]),
    "rtv_index_find": (c_int32, [c_void_p, c_char_p, c_void_p, c_void_p]),
    "rtv_index_free": (None, [c_void_p]),
    "rtv_index_ids": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_index_import": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_index_info_get": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rtv_index_key": (c_int32, [c_void_p, c_int64, c_char_p, c_uint64, c_void_p, c_void_p]),
    "rtv_index_merge": (c_int32, [c_void_p, c_void_p, c_int32, c_void_p]),
    "rtv_index_neighbors": (c_int32, [c_void_p, c_int64, c_void_p, c_void_p, c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_index_open": (c_int32, [c_char_p, c_void_p, c_void_p, c_void_p]),
    "rtv_index_open_bytes": (c_int32, [c_void_p, c_uint64, c_void_p, c_void_p, c_void_p]),
    "rtv_index_open_writable": (c_int32, [c_char_p, c_void_p, c_void_p, c_void_p]),
    "rtv_index_options_init_sized": (None, [c_void_p, c_uint32]),
    "rtv_index_pairs": (c_int32, [c_void_p, c_void_p, rtv_pairs_fn, c_void_p, c_void_p]),
    "rtv_index_payload": (c_int32, [c_void_p, c_int64, c_void_p, c_uint64, c_void_p, c_void_p]),
    "rtv_index_project": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_index_reduce": (c_int32, [c_void_p, c_void_p, c_char_p, c_void_p, c_void_p]),
    "rtv_index_remove": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_index_replace": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p]),
    "rtv_index_save": (c_int32, [c_void_p, c_char_p, c_void_p]),
    "rtv_index_search": (c_int32, [c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_index_search_blend": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_index_search_ids": (c_int32, [c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_index_search_range": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, rtv_hits_fn, c_void_p, c_void_p]),
    "rtv_index_set_class_names": (c_int32, [c_void_p, c_int32, c_void_p, c_int64, c_void_p]),
    "rtv_index_set_min_score": (c_int32, [c_void_p, c_float, c_void_p]),
    "rtv_index_vectors": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_index_verify": (c_int32, [c_char_p, c_void_p, rtv_progress_fn, c_void_p, c_void_p]),
    "rtv_index_visit": (c_int32, [c_void_p, rtv_visit_fn, c_void_p, c_void_p]),
    "rtv_isa_name": (c_char_p, [c_int32]),
    "rtv_model_class_name": (c_char_p, [c_void_p, c_int32]),
    "rtv_model_dump": (c_int32, [c_void_p, c_char_p, c_uint64, c_void_p, c_void_p]),
    "rtv_model_embed": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p, c_void_p]),
    "rtv_model_free": (None, [c_void_p]),
    "rtv_model_import": (c_int32, [c_char_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_model_import_bytes": (c_int32, [c_void_p, c_uint64, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_model_info_get": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rtv_model_is_calibrated_with": (c_int32, [c_void_p, c_uint64]),
    "rtv_model_load": (c_int32, [c_char_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_model_load_bytes": (c_int32, [c_void_p, c_uint64, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_model_options_init_sized": (None, [c_void_p, c_uint32]),
    "rtv_model_picture_hash": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_model_preprocess": (c_int32, [c_void_p, c_void_p, c_void_p, c_uint64, c_void_p]),
    "rtv_model_profile": (c_int32, [c_void_p, c_int32, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_model_provenance": (c_int32, [c_void_p, c_char_p, c_uint64, c_void_p, c_void_p]),
    "rtv_model_quantized_layers": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_model_save": (c_int32, [c_void_p, c_char_p, c_void_p]),
    "rtv_model_simulate": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_picture_from_encoded": (None, [c_void_p, c_void_p, c_uint64]),
    "rtv_picture_from_path": (None, [c_void_p, c_char_p]),
    "rtv_picture_from_pixels": (None, [c_void_p, c_void_p, c_int32, c_int32, c_int32, c_int64]),
    "rtv_picture_from_tensor": (None, [c_void_p, c_void_p, c_uint64]),
    "rtv_quantizer_add": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_quantizer_add_from": (c_int32, [c_void_p, rtv_sample_fn, c_void_p, c_void_p, c_void_p]),
    "rtv_quantizer_configure": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rtv_quantizer_create": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_quantizer_finish": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_quantizer_finish_within": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "rtv_quantizer_free": (None, [c_void_p]),
    "rtv_quantizer_load_statistics": (c_int32, [c_void_p, c_char_p, c_void_p]),
    "rtv_quantizer_options_init_sized": (None, [c_void_p, c_uint32]),
    "rtv_quantizer_save_statistics": (c_int32, [c_void_p, c_char_p, c_void_p]),
    "rtv_quantizer_settings": (c_int32, [c_void_p, c_char_p, c_uint64, c_void_p, c_void_p]),
    "rtv_reduce_options_init_sized": (None, [c_void_p, c_uint32]),
    "rtv_reduction_info_get": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rtv_runtime_create": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rtv_runtime_free": (None, [c_void_p]),
    "rtv_runtime_options_init_sized": (None, [c_void_p, c_uint32]),
    "rtv_search_options_init_sized": (None, [c_void_p, c_uint32]),
    "rtv_searcher_add": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_searcher_create": (c_int32, [c_void_p, c_void_p, c_int32, c_void_p, c_void_p]),
    "rtv_searcher_free": (None, [c_void_p]),
    "rtv_searcher_search": (c_int32, [c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "rtv_simulate_options_init_sized": (None, [c_void_p, c_uint32]),
    "rtv_status_name": (c_char_p, [c_int32]),
    "rtv_vectors_free": (None, [c_void_p]),
    "rtv_vectors_info_get": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "rtv_vectors_key": (c_int32, [c_void_p, c_int64, c_char_p, c_uint64, c_void_p, c_void_p]),
    "rtv_vectors_open": (c_int32, [c_char_p, c_void_p, c_void_p, c_void_p]),
    "rtv_vectors_read": (c_int32, [c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_void_p]),
    "rtv_version": (c_int32, []),
}
