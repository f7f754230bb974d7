# Flags of every target of the project. No contraction and no fast math: results must not depend on the compiler's mood.
add_library(retrieve_compile_options INTERFACE)
target_compile_options(retrieve_compile_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow "$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes;-Wmissing-prototypes>" -Wpointer-arith -Wwrite-strings -ffp-contract=off
  $<$<BOOL:${RTV_WERROR}>:-Werror>)
target_compile_definitions(retrieve_compile_options INTERFACE _GNU_SOURCE)
if(RTV_SANITIZE)
  target_compile_options(retrieve_compile_options INTERFACE -fsanitize=${RTV_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(retrieve_compile_options INTERFACE -fsanitize=${RTV_SANITIZE})
endif()
if(RTV_BUILD_FUZZERS)
  target_compile_options(retrieve_compile_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(RTV_COVERAGE)
  target_compile_options(retrieve_compile_options INTERFACE --coverage -O0)
  target_link_options(retrieve_compile_options INTERFACE --coverage)
endif()
