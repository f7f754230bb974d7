# Third-party libraries as imported targets, gathered in retrieve_dependencies.
find_package(Threads REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(cjson REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(minizip REQUIRED IMPORTED_TARGET minizip)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

add_library(retrieve_dependencies INTERFACE)
target_link_libraries(retrieve_dependencies INTERFACE
  JPEG::JPEG PNG::PNG ZLIB::ZLIB PkgConfig::cjson PkgConfig::minizip PkgConfig::sodium PkgConfig::xxhash Threads::Threads m)
if(RTV_WITH_ONEDNN)
  find_package(OpenMP REQUIRED COMPONENTS C)
  find_package(dnnl 3 CONFIG REQUIRED HINTS ${PROJECT_SOURCE_DIR}/build/deps/onednn) # where cmake/setup.sh puts it
  target_link_libraries(retrieve_dependencies INTERFACE DNNL::dnnl OpenMP::OpenMP_C)
  target_compile_definitions(retrieve_dependencies INTERFACE RTV_WITH_ONEDNN=1)
else()
  find_package(OpenMP COMPONENTS C) # without it the reference runs one picture on one thread
  if(OpenMP_C_FOUND)
    target_link_libraries(retrieve_dependencies INTERFACE OpenMP::OpenMP_C)
  endif()
endif()

# What rtv_build_info tells. FindJPEG knows the version of the interface only.
pkg_check_modules(libjpeg QUIET libjpeg)
if(NOT libjpeg_FOUND)
  set(libjpeg_VERSION ${JPEG_VERSION})
endif()
target_compile_definitions(retrieve_dependencies INTERFACE
  RTV_JPEG_VERSION="${libjpeg_VERSION}" RTV_PNG_VERSION="${PNG_VERSION_STRING}" $<$<BOOL:${RTV_WITH_ONEDNN}>:RTV_ONEDNN_VERSION="${dnnl_VERSION}">)
