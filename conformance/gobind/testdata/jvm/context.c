// Stands for what golang.org/x/mobile/bind/java has on Android: an app's context, of which
// there is none here.
#include <jni.h>

void setContext(JavaVM *vm, jobject context) {
	(void)vm;
	(void)context;
}
