/* test_graph_verify.c - every kind of damage to a sound graph is found and named. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"
#include "toy_quantized.h"

#include <math.h>

static rtvi_env env;
static test_heap heap;
static rtv_error error;

static int32_t at(const rtvi_graph *g, const char *name) {
    int32_t value = rtvi_graph_find_value(g, name);
    assert_true(value >= 0);
    return value;
}

static rtvi_value *value(rtvi_graph *g, const char *name) { return &g->values[at(g, name)]; }

static rtvi_node *node(rtvi_graph *g, const char *name) { return &g->nodes[value(g, name)->producer]; }

static void rename_value(rtvi_graph *g, const char *name, const char *to) {
    rtvi_value *v = value(g, name);
    rtvi_free(g->env, v->name);
    v->name = rtvi_copy_string(g->env, to, strlen(to));
}

/* --- the damages --- */

static void no_name(rtvi_graph *g) { rename_value(g, "relu", ""); }
static void same_name(rtvi_graph *g) { rename_value(g, "relu", "stem.bias"); }
static void bad_dims(rtvi_graph *g) { value(g, "relu")->dims[2] = 0; }
static void bad_rank(rtvi_graph *g) { value(g, "relu")->rank = RTVI_MAX_RANK + 1; }
static void negative_rank(rtvi_graph *g) { value(g, "stem.weight")->rank = -1; }
static void constant_with_producer(rtvi_graph *g) { value(g, "stem.bias")->producer = 0; }
static void input_with_producer(rtvi_graph *g) { g->values[g->input].producer = 3; }
static void no_producer(rtvi_graph *g) { value(g, "relu")->producer = -1; }
static void producer_out_of_range(rtvi_graph *g) { value(g, "relu")->producer = 99; }
static void other_producer(rtvi_graph *g) { value(g, "relu")->producer = 0; }
static void half_activation(rtvi_graph *g) { value(g, "relu")->dtype = RTVI_F16; }
static void integer_constant(rtvi_graph *g) { value(g, "stem.bias")->dtype = value(g, "stem.bias")->constant.dtype = RTVI_I32; }
static void other_constant_type(rtvi_graph *g) { value(g, "stem.bias")->constant.dtype = RTVI_F16; }
static void other_constant_shape(rtvi_graph *g) { value(g, "stem.bias")->constant.dims[0] = 7; }
static void other_constant_rank(rtvi_graph *g) { value(g, "stem.bias")->constant.rank = 2; }
static void strided_constant(rtvi_graph *g) { value(g, "stem.bias")->constant.strides[0] = 2; }
static void constant_without_data(rtvi_graph *g) { value(g, "stem.bias")->constant.data = NULL; }
static void too_many_inputs(rtvi_graph *g) { node(g, "relu")->num_inputs = RTVI_MAX_INPUTS + 1; }
static void no_inputs(rtvi_graph *g) { node(g, "relu")->num_inputs = 0; }
static void input_out_of_range(rtvi_graph *g) { node(g, "relu")->inputs[0] = (int32_t)g->num_values; }
static void negative_input(rtvi_graph *g) { node(g, "relu")->inputs[0] = -1; }
static void reads_itself(rtvi_graph *g) { node(g, "relu")->inputs[0] = at(g, "relu"); }
static void reads_later(rtvi_graph *g) { node(g, "relu")->inputs[0] = at(g, "pool"); }
static void negative_output(rtvi_graph *g) { node(g, "relu")->output = -1; }
static void output_is_constant(rtvi_graph *g) {
    rtvi_value *v = value(g, "relu");
    v->producer = -1;
    v->is_constant = 1;
    v->constant = rtvi_tensor_contiguous(RTVI_F32, v->rank, v->dims, g);
}
static void wrong_attribute(rtvi_graph *g) { node(g, "stem")->attr.stride[0] = -2; }
static void other_attribute(rtvi_graph *g) { node(g, "stem")->attr.stride[0] = 1; }
static void unknown_op(rtvi_graph *g) { node(g, "relu")->op = RTVI_OP_COUNT; }
static void negative_op(rtvi_graph *g) { memset(&node(g, "relu")->op, 0xff, sizeof(rtvi_op)); }
static void no_input(rtvi_graph *g) { g->input = -1; }
static void constant_input(rtvi_graph *g) { g->input = at(g, "grouped.weight"); }
static void gray_input(rtvi_graph *g) { value(g, "input")->dims[1] = 1; }
static void two_pictures(rtvi_graph *g) { value(g, "input")->dims[0] = 2; }
static void other_width(rtvi_graph *g) { g->preprocess.width = TOY_GRAPH_WIDTH + 1, g->preprocess.height = TOY_GRAPH_HEIGHT; }
static void other_height(rtvi_graph *g) { g->preprocess.width = TOY_GRAPH_WIDTH, g->preprocess.height = TOY_GRAPH_HEIGHT - 1; }
static void no_outputs(rtvi_graph *g) { g->num_outputs = 0; }
static void too_many_outputs(rtvi_graph *g) { g->num_outputs = RTVI_MAX_OUTPUTS + 1; }
static void output_out_of_range(rtvi_graph *g) { g->outputs[0].value = (int32_t)g->num_values; }
static void constant_output(rtvi_graph *g) { g->outputs[0].value = at(g, "stem.bias"); }
static void map_output(rtvi_graph *g) { g->outputs[0].value = at(g, "pool"); }
static void unknown_role(rtvi_graph *g) { memset(&g->outputs[0].role, 0x7f, sizeof(rtvi_role)); }
static void same_role(rtvi_graph *g) { g->outputs[0].role = RTVI_ROLE_LOGITS; }
static void few_class_names(rtvi_graph *g) {
    static const char *const names[] = {"a", "b"};
    rtvi_graph_set_class_names(g, names, 2, NULL);
}
static void class_names_without_logits(rtvi_graph *g) {
    few_class_names(g);
    g->num_outputs = 1;
}

static const struct {
    void (*damage)(rtvi_graph *g);
    const char *message;
} damages[] = {
    {no_name, "graph: value \"\": has no name"},
    {same_name, "graph: value \"stem.bias\": another value has the same name"},
    {bad_dims, "graph: value \"relu\": its shape is empty or too large"},
    {bad_rank, "graph: value \"relu\": its shape is empty or too large"},
    {negative_rank, "graph: value \"stem.weight\": its shape is empty or too large"},
    {constant_with_producer, "graph: value \"stem.bias\": is no node's output, yet names a producer"},
    {input_with_producer, "graph: value \"input\": is no node's output, yet names a producer"},
    {no_producer, "graph: value \"relu\": no node produces it"},
    {producer_out_of_range, "graph: value \"relu\": no node produces it"},
    {other_producer, "graph: value \"relu\": no node produces it"},
    {half_activation, "graph: node \"relu\": its output does not have the type, scale and zero point that follow from its inputs"},
    {integer_constant, "graph: constant \"stem.bias\": type is none of F32, F16 and I8"},
    {other_constant_type, "graph: constant \"stem.bias\": its tensor has another type or shape"},
    {other_constant_shape, "graph: constant \"stem.bias\": its tensor has another type or shape"},
    {other_constant_rank, "graph: constant \"stem.bias\": its tensor has another type or shape"},
    {strided_constant, "graph: constant \"stem.bias\": its tensor has no contiguous data"},
    {constant_without_data, "graph: constant \"stem.bias\": its tensor has no contiguous data"},
    {too_many_inputs, "graph: node \"relu\": number of inputs is out of range"},
    {no_inputs, "graph: node \"relu\": number of inputs is out of range"},
    {input_out_of_range, "graph: node \"relu\": an input is no value of the graph"},
    {negative_input, "graph: node \"relu\": an input is no value of the graph"},
    {reads_itself, "graph: node \"relu\": reads a value that is not yet written"},
    {reads_later, "graph: node \"relu\": reads a value that is not yet written"},
    {negative_output, "graph: value \"relu\": no node produces it"},
    {output_is_constant, "graph: node \"relu\": writes a value that is already written"},
    {wrong_attribute, "graph: conv \"stem\": stride: got -2, expected 1 or more"},
    {other_attribute, "graph: node \"stem\": its output does not have the shape that follows from its inputs"},
    {unknown_op, "graph: op: got number 15, expected 0..14"},
    {negative_op, "graph: op: got number -1, expected 0..14"},
    {no_input, "graph: value \"input\": no node produces it"},
    {constant_input, "graph: value \"input\": no node produces it"},
    {gray_input, "graph: input \"input\": is not of shape [1,3,height,width]"},
    {two_pictures, "graph: input \"input\": is not of shape [1,3,height,width]"},
    {other_width, "graph: input \"input\": the preprocessing makes another size"},
    {other_height, "graph: input \"input\": the preprocessing makes another size"},
    {no_outputs, "graph: model \"toy\": has no outputs, or too many"},
    {too_many_outputs, "graph: model \"toy\": has no outputs, or too many"},
    {output_out_of_range, "graph: model \"toy\": an output is no value of the graph"},
    {constant_output, "graph: output \"stem.bias\": is not computed, F32, of shape [1,n]"},
    {map_output, "graph: output \"pool\": is not computed, F32, of shape [1,n]"},
    {unknown_role, "graph: output \"descriptor\": has an unknown role"},
    {same_role, "graph: output \"logits\": another output has the same role"},
    {few_class_names, "graph: model \"toy\": has class names, but not one for each value of the logits"},
    {class_names_without_logits, "graph: model \"toy\": has class names, but not one for each value of the logits"},
};

static void every_damage_is_named(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        rtvi_graph *g = toy_graph(&env, &error);
        assert_int_equal(rtvi_graph_verify(g, &error), RTV_OK);
        damages[i].damage(g);
        assert_int_equal(rtvi_graph_verify(g, &error), RTV_E_FORMAT);
        assert_string_equal(error.message, damages[i].message);
        assert_int_equal(rtvi_graph_verify(g, NULL), RTV_E_FORMAT);
        rtvi_graph_destroy(g);
    }
}

/* --- the same for codes --- */

static void scale_is_zero(rtvi_graph *g) { value(g, "conv")->scale = 0; }
static void scale_is_infinite(rtvi_graph *g) { value(g, "conv")->scale = INFINITY; }
static void scale_is_nan(rtvi_graph *g) { value(g, "conv")->scale = NAN; }
static void scale_is_denormal(rtvi_graph *g) { value(g, "again")->scale = 0x1p-130f; }
static void conv_off_zero(rtvi_graph *g) { value(g, "conv")->zero_point = 1; }
static void zero_point_too_large(rtvi_graph *g) { value(g, "again")->zero_point = 256; }
static void zero_point_negative(rtvi_graph *g) { value(g, "again")->zero_point = -1; }
static void signed_off_zero(rtvi_graph *g) { value(g, "again")->dtype = RTVI_I8; }
static void codes_of_four_bytes(rtvi_graph *g) { value(g, "again")->dtype = RTVI_F32; }
static void pool_of_other_type(rtvi_graph *g) { value(g, "pool")->dtype = RTVI_I8; }
static void pool_of_other_scale(rtvi_graph *g) { value(g, "pool")->scale *= 2; }
static void scale_of_floats(rtvi_graph *g) { value(g, "spoc")->scale = 1; }
static void input_scale(rtvi_graph *g) { value(g, "input")->scale = -1; }
static void input_zero_point(rtvi_graph *g) { value(g, "input")->zero_point = 300; }
static void signed_input(rtvi_graph *g) { value(g, "input")->dtype = RTVI_I8, value(g, "input")->zero_point = 0; }
static void float_input(rtvi_graph *g) {
    value(g, "input")->dtype = RTVI_F32, value(g, "input")->scale = 0, value(g, "input")->zero_point = 0;
}
static void codes_as_output(rtvi_graph *g) { g->outputs[0].value = at(g, "again"); }
static void residual_off_zero(rtvi_graph *g) { node(g, "sum")->inputs[4] = at(g, "shifted"); }
static void unsigned_weight(rtvi_graph *g) { value(g, "conv.weight")->dtype = value(g, "conv.weight")->constant.dtype = RTVI_U8; }
static void half_scale(rtvi_graph *g) { value(g, "conv.weight_scale")->dtype = value(g, "conv.weight_scale")->constant.dtype = RTVI_F16; }
static void no_bias(rtvi_graph *g) { node(g, "conv")->num_inputs = 3; }
static void lowest_code(rtvi_graph *g) { ((int8_t *)value(g, "conv.weight")->owned)[7] = -128; }
static void negative_weight_scale(rtvi_graph *g) { ((float *)value(g, "conv.weight_scale")->owned)[3] = -0.25f; }
static void nan_weight_scale(rtvi_graph *g) { ((float *)value(g, "conv.weight_scale")->owned)[0] = NAN; }
static void overflowing_weight_scale(rtvi_graph *g) {
    value(g, "input")->scale = 16;
    ((float *)value(g, "conv.weight_scale")->owned)[1] = 0x1p125f;
}
static void infinite_bias(rtvi_graph *g) { ((float *)value(g, "head.bias")->owned)[4] = -INFINITY; }

static const struct {
    void (*damage)(rtvi_graph *g);
    const char *message;
} damages_of_codes[] = {
    {scale_is_zero, "graph: codes \"conv\": got scale 0, expected 1.17549435e-38..3.40282347e+38"},
    {scale_is_infinite, "graph: codes \"conv\": got scale inf, expected 1.17549435e-38..3.40282347e+38"},
    {scale_is_nan, "graph: codes \"conv\": got scale nan, expected 1.17549435e-38..3.40282347e+38"},
    {scale_is_denormal, "graph: codes \"again\": got scale 7.34683969e-40, expected 1.17549435e-38..3.40282347e+38"},
    {conv_off_zero, "graph: qconv \"conv\": output: got zero point 1, expected 0"},
    {zero_point_too_large, "graph: codes \"again\": got zero point 256, expected 0..255"},
    {zero_point_negative, "graph: codes \"again\": got zero point -1, expected 0..255"},
    {signed_off_zero, "graph: codes \"again\": got zero point 100, expected 0 for I8"},
    {codes_of_four_bytes, "graph: codes \"again\": got type F32, expected U8 or I8"},
    {pool_of_other_type, "graph: node \"pool\": its output does not have the type, scale and zero point that follow from its inputs"},
    {pool_of_other_scale, "graph: node \"pool\": its output does not have the type, scale and zero point that follow from its inputs"},
    {scale_of_floats, "graph: node \"spoc\": its output does not have the type, scale and zero point that follow from its inputs"},
    {input_scale, "graph: codes \"input\": got scale -1, expected 1.17549435e-38..3.40282347e+38"},
    {input_zero_point, "graph: codes \"input\": got zero point 300, expected 0..255"},
    {signed_input, "graph: input \"input\": type is neither F32 nor U8"},
    {float_input, "graph: qconv \"conv\": input 0: got type F32, expected U8 or I8"},
    {codes_as_output, "graph: output \"again\": is not computed, F32, of shape [1,n]"},
    {residual_off_zero, "graph: qconv \"sum\": residual: got zero point 100, expected 0"},
    {unsigned_weight, "graph: constant \"conv.weight\": type is none of F32, F16 and I8"},
    {half_scale, "graph: qconv \"conv\": input 2: got type F16, expected F32"},
    {no_bias, "graph: qconv \"conv\": inputs: got 3, expected 4..5"},
    {lowest_code, "graph: weight \"conv.weight\": got a code of -128, expected -127..127"},
    {negative_weight_scale, "graph: weight scale \"conv.weight_scale\", channel 3: got -0.25, expected 0..3.40282347e+38"},
    {nan_weight_scale, "graph: weight scale \"conv.weight_scale\", channel 0: got nan, expected 0..3.40282347e+38"},
    {overflowing_weight_scale, "graph: weight scale \"conv.weight_scale\", channel 1: got 4.25352959e+37, expected 0..2.12676467e+37"},
    {infinite_bias, "graph: bias \"head.bias\", channel 4: got -inf, expected a finite number"},
};

static void every_damage_to_codes_is_named(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof damages_of_codes / sizeof *damages_of_codes; i++) {
        rtvi_graph *g = toy_quantized(&env, &error);
        assert_string_equal(error.message, "");
        assert_int_equal(rtvi_graph_verify(g, &error), RTV_OK);
        damages_of_codes[i].damage(g);
        assert_int_equal(rtvi_graph_verify(g, &error), RTV_E_FORMAT);
        assert_string_equal(error.message, damages_of_codes[i].message);
        rtvi_graph_destroy(g);
    }
}

/* Two nodes write one value; the other's own output is gone, so every value still has its producer. */
static void two_writers_are_found(void **state) {
    rtvi_graph *g = toy_graph(&env, &error);
    int32_t relu = at(g, "relu");
    (void)state;
    g->nodes[1].output = relu;
    g->nodes[1].inputs[0] = g->nodes[0].output;
    g->nodes[2].inputs[0] = g->nodes[0].output;
    value(g, "norm")->producer = -1;
    assert_int_equal(rtvi_graph_verify(g, &error), RTV_E_FORMAT);
    value(g, "norm")->is_constant = 1;
    value(g, "norm")->constant = rtvi_tensor_contiguous(RTVI_F32, 4, value(g, "norm")->dims, g);
    assert_int_equal(rtvi_graph_verify(g, &error), RTV_E_FORMAT);
    assert_string_equal(error.message, "graph: node \"relu\": writes a value that is already written");
    rtvi_graph_destroy(g);
}

static void an_empty_graph_is_refused(void **state) {
    rtvi_graph *g = rtvi_graph_create(&env, "empty", &error);
    (void)state;
    assert_int_equal(rtvi_graph_verify(g, &error), RTV_E_FORMAT);
    assert_string_equal(error.message, "graph: model \"empty\": has no input");
    rtvi_graph_destroy(g);
}

static void the_preprocessing_of_the_input_is_accepted(void **state) {
    rtvi_graph *g = toy_graph(&env, &error);
    (void)state;
    g->preprocess.width = TOY_GRAPH_WIDTH;
    g->preprocess.height = TOY_GRAPH_HEIGHT;
    rtvi_error_set(&error, RTV_E_IO, "an old error");
    assert_int_equal(rtvi_graph_verify(g, &error), RTV_OK);
    assert_int_equal(error.status, RTV_OK);
    rtvi_graph_destroy(g);
}

static int setup(void **state) {
    (void)state;
    test_env_init(&env, &heap);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_damage_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(every_damage_to_codes_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(two_writers_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_graph_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_preprocessing_of_the_input_is_accepted, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
