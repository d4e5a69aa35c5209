#include "core/client_image.h"

#include <cstddef>

// The program as bytes, with a name at each end.
__asm__(
    ".pushsection .rodata\n"
    ".balign 16\n"
    ".globl leash_client_image\n"
    "leash_client_image:\n"
    ".incbin \"" LEASH_CLIENT_IMAGE
    "\"\n"
    ".globl leash_client_image_end\n"
    "leash_client_image_end:\n"
    ".popsection\n");
extern "C" const char leash_client_image[];
extern "C" const char leash_client_image_end[];

namespace leash::core {

std::string_view ClientImage() {
  return {leash_client_image, static_cast<std::size_t>(leash_client_image_end - leash_client_image)};
}

}  // namespace leash::core
