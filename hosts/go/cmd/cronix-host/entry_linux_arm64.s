#include "textflag.h"

// entry is as in entry_linux_amd64.s.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	MOVD $25, R8
	MOVD $1, R0
	MOVD $1, R1
	SVC
	MOVD R0, ·stdoutAtStart(SB)
	JMP _rt0_arm64_linux(SB)
