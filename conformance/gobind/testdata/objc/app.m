// An app, to see that the header is what one can write against.
#import "Mobile.objc.h"

@interface States : NSObject <MobileListener>
@end

@implementation States
- (void)stateChanged:(NSString *)state {
	NSLog(@"%@", [state isEqualToString:MobileStateConnected] ? @"connected" : state);
}
@end

int main(void) {
	@autoreleasepool {
		NSError *error = nil;
		MobileConfig *config = [[MobileConfig alloc] init];
		config.link = @"gprs";
		config.stateDir = NSTemporaryDirectory();
		[config setStateKey:[NSData data]];
		[config setSecret:@"a-secret-of-this-app"];
		MobileGateway *gateway = MobileOpen(@"line", config, &error);
		if (gateway == nil) {
			return [[error localizedDescription] hasPrefix:MobileErrorPairing];
		}
		[gateway setListener:[[States alloc] init]];
		NSString *url = [gateway start:&error];
		MobileRequest *request = [[MobileRequest alloc] init:@"GET" path:@"/_matrix/client/versions"];
		[request setToken:url];
		[request setHeader:@"If-Match" value:@"e"];
		request.timeoutMillis = 30000;
		MobileResponse *response = [gateway request:request error:&error];
		NSData *body = [response body];
		BOOL good = [gateway suspend:5000 error:&error] && [gateway resume:&error];
		[gateway networkChanged];
		MobileStatus *status = [gateway status];
		[gateway stop];
		good = [gateway close:&error] && MobileForget(config.stateDir, &error) && good;
		return good && body != nil && response.status == 200 && status.handshakes == 1 ? 0 : 1;
	}
}
