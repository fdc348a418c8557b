// Stands for Android's <android/log.h>, which gobind's files include.
#pragma once
#include <stdio.h>

enum { ANDROID_LOG_INFO = 4, ANDROID_LOG_FATAL = 7 };

#define __android_log_print(priority, tag, ...) \
	((void)(priority), fprintf(stderr, "%s: ", tag), fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))
