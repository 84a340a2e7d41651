"""The two dictionaries of the framework's own slides, as they stand, with their globals defined."""

import keras
import numpy as np
from keras.layers import Add, BatchNormalization, Conv2D, PReLU, ReLU, UpSampling2D

B = 2
scale = 4
channel_indx = [0, 1, 2]
upsample_interpolation = "nearest"


# fmt: off
def vdsr_block(X_input):
    X = Conv2D(filters=64,kernel_size=(3,3),strides=(1,1),padding='same',use_bias=True,kernel_regularizer=keras.regularizers.l2(0.0001))(X_input[0])
    X = ReLU()(X)
    return X

def vdsr_last_block(X_input):
    X = Conv2D(filters=len(channel_indx),kernel_size=(3,3),strides=(1,1),padding='same',use_bias=True,kernel_regularizer=keras.regularizers.l2(0.0001))(X_input[0])
    X = ReLU()(X)
    return X

VDSR = { 'name'     :'VDSR' ,
    # Block Links
    'block'    :[(i,i+1) for i in range(B)] + [(B,B+1),] ,
    'block_sub':['vdsr_block' for i in range(B)] + ['vdsr_last_block',] ,
    # Merge Links
    'merge'    :[(0,B+1,B+2),],
    'merge_sub':['Add'],
    }

def gen_residual_block(X_input):
    X = Conv2D(filters=64,kernel_size=(3,3),strides=(1,1),padding='same',use_bias=True)(X_input[0])
    X = BatchNormalization()(X)
    X = PReLU(shared_axes=(1,2))(X)
    X = Conv2D(filters=64,kernel_size=(3,3),strides=(1,1),padding='same',use_bias=True)(X)
    X = BatchNormalization()(X)
    X = Add()([X,X_input[0]])
    return X

def gen_last_block(X_input):
    X = Conv2D(filters=256,kernel_size=(3,3),strides=(1,1),padding='same',use_bias=True)(X_input[0])
    X = UpSampling2D(size=2,interpolation=upsample_interpolation)(X)
    # X = PixelShuffle(size=2)(X)
    X = PReLU(shared_axes=(1,2))(X)
    return X

SRResNet = { 'name'      : 'SRResNet',
    # Convolution Links
    'convo'    :[(0,1),(B+2,B+3),(B+5+int(np.ceil(np.log2(scale))),B+5+int(np.ceil(np.log2(scale)))+1),],
    'convo_sub':['Conv2D','Conv2D','Conv2D',],
    'convo_par':[{'filters':64,'kernel_size':(9,9),'padding':repr('same'),'use_bias':True},
                 {'filters':64,'kernel_size':(3,3),'padding':repr('same'),'use_bias':True},
                 {'filters':3 ,'kernel_size':(9,9),'padding':repr('same'),'use_bias':True},],
    # Advanced Activation Links
    'aactv'    :[(1,2),],
    'aactv_sub':['PReLU',],
    'aactv_par':[{'shared_axes':(1,2)},],
    # Block Links
    'block'    :[(2+i,2+i+1) for i in range(B)] + [(B+5+i,B+5+i+1) for i in range(int(np.ceil(np.log2(scale))))],
    'block_sub':['gen_residual_block' for i in range(B)] + ['gen_last_block' for i in range(int(np.ceil(np.log2(scale))))],
    # BatchNormalization Links
    'btnrm'    :[(B+3,B+4),],
    # Merge Links
    'merge'    :[(2,B+4,B+5),],
    'merge_sub':['Add'],
    }
# fmt: on
