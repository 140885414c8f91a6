# penstock_embed_text(TARGET FILE NAME): penstock::NAME is the text of FILE as a std::string_view, in TARGET.
# Run with -P (FILE, NAME and OUT set), the same file writes the source.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${FILE}" text)
  file(WRITE "${OUT}" "#include <string_view>\n\nnamespace penstock {\n\nextern const std::string_view ${NAME};\n"
       "const std::string_view ${NAME} = R\"embedded(${text})embedded\";\n\n}  // namespace penstock\n")
  return()
endif()

function(penstock_embed_text target file name)
  set(out ${CMAKE_BINARY_DIR}/generated/${name}.cc)
  add_custom_command(OUTPUT ${out} DEPENDS ${file} ${CMAKE_SOURCE_DIR}/cmake/embed_text.cmake
                     COMMAND ${CMAKE_COMMAND} -DFILE=${file} -DNAME=${name} -DOUT=${out}
                             -P ${CMAKE_SOURCE_DIR}/cmake/embed_text.cmake
                     VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
