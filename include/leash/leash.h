// Everything a program needs to run others on a leash.
#pragma once

#include "leash/access.h"
#include "leash/command.h"
#include "leash/config.h"
#include "leash/doctor.h"
#include "leash/error.h"
#include "leash/explain.h"
#include "leash/isolation.h"
#include "leash/limits.h"
#include "leash/network.h"
#include "leash/presets.h"
#include "leash/process.h"
#include "leash/pty.h"
#include "leash/quarantine.h"
#include "leash/sandbox.h"
#include "leash/security.h"
#include "leash/working_dir.h"
